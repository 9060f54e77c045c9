/** Forward checks of a case: types and values against the standard's expected outputs. */
import * as ort from 'onnxruntime-node'
import { isFloat, type TensorType } from '../../../src/types.js'
import { arrayOf } from '../../../src/evaluate.js'
import type { Value } from '../../../src/ir.js'
import { tensorStrings } from '../../../src/onnx/index.js'
import type { NdArray } from '../../../src/op.js'
import { Tensor } from '../../../src/tensor.js'
import { numbersOf, session, tensorOf } from '../../helpers/runtime.js'
import type { Case, Item } from './cases.js'
import { Reference, type Prepared } from './model.js'
import { failed, none, type Outcome } from './result.js'

/** Types that the rules gave the outputs fit the expected tensors; unknown dimensions fit everything. */
export function checkTypes({ model }: Prepared, expected: readonly Item[]): Outcome {
  const { outputs } = model.graph
  for (const [i, item] of expected.entries()) {
    if (!(item instanceof Tensor)) continue
    const misfit = misfitOf(outputs[i]!.type, item)
    if (misfit) return failed(`output ${i}: ${misfit}`)
  }
  return 'ok'
}

function misfitOf(type: TensorType | undefined, { dtype, shape }: Tensor): string | undefined {
  if (!type) return 'it has no type'
  if (type.dtype !== dtype) return `its element type is ${dtype}, the rule says ${type.dtype}`
  if (type.shape && type.shape.length !== shape.length)
    return `its shape is [${shape}], the rule says [${type.shape}]`
  const wrong = type.shape?.some((d, axis) => d.constant !== undefined && d.constant !== shape[axis])
  return wrong ? `its shape is [${shape}], the rule says [${type.shape}]` : undefined
}

/** Epsilons of the types that the standard's expected values are rounded to. */
const EPSILON: Readonly<Record<string, number>> = { float16: 2 ** -10, bfloat16: 2 ** -7 }

/** What a tensor holds: numbers, or strings. */
type Held =
  NdArray | { readonly dtype: 'string'; readonly shape: readonly number[]; readonly strings: string[] }

function held(tensor: Tensor): Held {
  const { dtype, shape } = tensor
  return dtype === 'string' ? { dtype, shape, strings: tensorStrings(tensor) } : arrayOf(tensor)
}

/** The values of the outputs, by the reference semantics where all operators have them, else by ONNX Runtime. */
export async function checkValues(
  prepared: Prepared,
  expected: readonly Item[],
  { rtol, atol }: Case,
  notes: string[],
): Promise<Outcome> {
  if (!expected.every((item) => item instanceof Tensor)) return none('an expected output is not a tensor')
  const got = await valuesOf(prepared, notes).catch(withoutLocale)
  if (got === undefined) return none('ONNX Runtime wants a locale that this system lacks')
  for (const [i, tensor] of expected.entries()) {
    const difference = differ(got[i]!, held(tensor as Tensor), rtol, atol)
    if (difference) return failed(`output ${i}: ${difference}`)
  }
  return 'ok'
}

/** StringNormalizer needs the system's en_US. */
function withoutLocale(error: unknown): undefined {
  if (!String(error).includes('Locale')) throw error
}

async function valuesOf(prepared: Prepared, notes: string[]): Promise<Held[]> {
  const strings = [...prepared.feeds.values()].some((t) => t.dtype === 'string')
  if (!strings)
    try {
      return new Reference(prepared.model).run(arraysOf(prepared))
    } catch (error) {
      if ((error as { code?: string }).code !== 'not-evaluable') throw error
    }
  notes.push('values by ONNX Runtime')
  return runInRuntime(prepared)
}

/** The feeds that hold numbers as arrays. */
export function arraysOf({ feeds }: Prepared): Map<Value, NdArray> {
  const numbers = [...feeds].filter(([, t]) => t.dtype !== 'string')
  return new Map(numbers.map(([v, t]) => [v, arrayOf(t)]))
}

/** The newest version of the format that ONNX Runtime reads; the package's newest cases are stamped with later ones. */
const RUNTIME_IR = 10

async function runInRuntime({ model, feeds }: Prepared): Promise<Held[]> {
  model.irVersion = Math.min(model.irVersion, RUNTIME_IR)
  const s = await session(model)
  try {
    const given = model.graph.inputs.flatMap((v, i) => {
      const tensor = feeds.get(v)
      return tensor ? [[s.inputNames[i]!, fed(held(tensor))] as const] : []
    })
    const results = await s.run(Object.fromEntries(given))
    return s.outputNames.map((name) => fetched(results[name]!))
  } finally {
    await s.release()
  }
}

function fed(value: Held): ort.Tensor {
  return 'strings' in value ? new ort.Tensor('string', value.strings, value.shape) : tensorOf(value)
}

function fetched(tensor: ort.Tensor): Held {
  const shape = tensor.dims
  if (tensor.type === 'string') return { dtype: 'string', shape, strings: tensor.data as string[] }
  return { dtype: tensor.type as NdArray['dtype'], shape, data: numbersOf(tensor) }
}

function differ(got: Held, expected: Held, rtol: number, atol: number): string | undefined {
  if (got.dtype !== expected.dtype) return `expected ${expected.dtype}, got ${got.dtype}`
  if (String(got.shape) !== String(expected.shape))
    return `expected shape [${expected.shape}], got [${got.shape}]`
  if ('strings' in got || 'strings' in expected) {
    const [a, b] = [got, expected].map((v) => JSON.stringify('strings' in v && v.strings))
    return a === b ? undefined : `expected ${b}, got ${a}`
  }
  return differentNumber(got, expected, rtol, atol)
}

function differentNumber(
  got: NdArray,
  { dtype, data }: NdArray,
  rtol: number,
  atol: number,
): string | undefined {
  const relative = Math.max(rtol, 4 * (EPSILON[dtype] ?? 0))
  const largest = data.reduce((top, y) => (Number.isFinite(y) ? Math.max(top, Math.abs(y)) : top), 0)
  // The expected values were computed in float32.
  const absolute = Math.max(atol, isFloat(dtype) ? 4 * 2 ** -23 * largest : 0)
  for (const [i, y] of data.entries()) {
    const x = got.data[i]!
    if (Object.is(x, y) || Math.abs(x - y) <= absolute + relative * Math.abs(y)) continue
    return `element ${i}: expected ${y}, got ${x}`
  }
  return undefined
}
