/** Everything that is checked of one case. */
import type { Model } from '../../../src/ir.js'
import { readModel } from '../../../src/onnx/index.js'
import { Tensor } from '../../../src/tensor.js'
import { isFloat } from '../../../src/types.js'
import type { Case, DataSet, Item } from './cases.js'
import { checkTypes, checkValues } from './forward.js'
import { checkGradient } from './gradient.js'
import { prepare, type Prepared } from './model.js'
import type { Opsets } from './opsets.js'
import { DIFFERS, DRAWN, dropsAtRandom, isDraw } from './reasons.js'
import { failed, isOk, none, outside, thrown, type Outcome, type Result } from './result.js'

/**
 * Checks a case on its first data set, with integer inputs fed; then as constants, if that is what it takes.
 * @param opsets tell what opset to read it in
 */
export async function checkCase(item: Case, opsets: Opsets): Promise<Result> {
  const { operators } = item
  const source = readModel(item.bytes())
  const stamped = source.opsets.has('') ? opsets.nearest(source.opset, operators) : undefined
  if (typeof stamped === 'string') {
    const outcome = outside(stamped)
    return { operators, type: outcome, forward: outcome, gradient: outcome }
  }
  const read = (): Model => {
    const model = readModel(item.bytes())
    if (stamped !== undefined) model.opsets.set('', stamped)
    return model
  }
  const set = item.sets()[0]!
  const unnamed = [...set.inputs, ...set.outputs].some((x) => x instanceof Tensor && x.dtype === 'other')
  const result = await better(item, set, read)
  const newer = stamped !== undefined && stamped !== source.opset ? `opset ${source.opset}` : undefined
  return expected(item.name, settled(result, unnamed, newer))
}

/** A failure that there is a reason for. */
function expected(name: string, result: Result): Result {
  const known = DIFFERS[name]
  if (!known) return result
  const { check, reason } = known
  const outcome = result[check]
  const fails = typeof outcome !== 'string' && outcome.status === 'failed'
  return {
    ...result,
    [check]: fails ? { status: 'differs', reason } : failed(`reasons.ts lists it: ${reason}`),
  }
}

/** What a refusal amounts to that the case's element types or its opset bring about. */
function settled(result: Result, unnamed: boolean, newer: string | undefined): Result {
  const settle = (o: Outcome): Outcome => {
    if (typeof o === 'string' || o.status !== 'refused') return o
    if (unnamed && o.code === 'tensor-type')
      return none('elements of 8 bits or less that are not integers, or of less')
    if (newer && o.code === 'invalid-node') return outside(`its element types are those of ${newer}`)
    return o
  }
  const { type, forward, gradient } = result
  return { ...result, type: settle(type), forward: settle(forward), gradient: settle(gradient) }
}

async function better(item: Case, set: DataSet, read: () => Model): Promise<Result> {
  const fed = await attempt(item, set, read, 'fed')
  if (isRight(fed)) return fed
  const fixed = await attempt(item, set, read, 'constant')
  if (score(fixed) <= score(fed)) return fed
  return { ...fixed, notes: ['integer inputs as constants', ...(fixed.notes ?? [])] }
}

function isRight({ type, forward, gradient }: Result): boolean {
  return [type, forward, gradient].every((o) => isOk(o) || (typeof o !== 'string' && o.status === 'none'))
}

function score({ type, forward, gradient }: Result): number {
  return [type, forward, gradient].filter(isOk).length
}

async function attempt(
  item: Case,
  set: DataSet,
  read: () => Model,
  integers: 'fed' | 'constant',
): Promise<Result> {
  const notes: string[] = []
  const { operators } = item
  let prepared: Prepared
  try {
    prepared = prepare(read(), set.inputs, integers)
  } catch (error) {
    const refused = thrown(error)
    return { operators, type: refused, forward: refused, gradient: floatless(set) ?? refused }
  }
  const type = await outcome(() => checkTypes(prepared, set.outputs))
  const forward =
    isDraw(item) || dropsAtRandom(item)
      ? none(DRAWN)
      : await outcome(() => checkValues(prepared, set.outputs, item, notes))
  const gradient = isDraw(item) ? none(DRAWN) : await outcome(() => checkGradient(prepared, notes))
  return { operators, type, forward, gradient, ...(notes.length > 0 && { notes }) }
}

/** Why there is no gradient, whatever the compiler makes of the model. */
function floatless({ inputs, outputs }: DataSet): Outcome | undefined {
  const hasFloats = (items: readonly Item[]): boolean =>
    items.some((x) => (x instanceof Tensor ? isFloat(x.dtype) : x !== null && hasFloats(x)))
  if (!hasFloats(inputs)) return none('no input of a float type')
  return hasFloats(outputs) ? undefined : none('no output of a float type')
}

async function outcome(check: () => Outcome | Promise<Outcome>): Promise<Outcome> {
  try {
    return await check()
  } catch (error) {
    return thrown(error)
  }
}
