/** Attention: Softmax(scale·q·kᵀ + mask)·v, with its NaN guard, its scale anywhere and its heads in groups. */
import type { Builder } from '../../src/builder.js'
import type { Node, Value } from '../../src/ir.js'
import { emitAttention } from '../../src/ops/attention/attention.js'
import { sameShape } from '../../src/types.js'
import { AttentionMasks, type MaskTerm } from './attention-mask.js'
import { ungrouped } from './groups.js'
import { made, number, onlyReadBy, scaledBy, uncast, unscaled } from './match.js'
import { Unlike, type Pattern } from './pattern.js'
import { untransposed } from './transposed.js'

/** The pattern; one instance for a graph, whose layers share their masks. */
export function attentionPattern(): Pattern {
  const masks = new AttentionMasks()
  return {
    name: 'attention',
    match: (node, b) => {
      const probabilities = made(node.output(), 'MatMul') && readProbabilities(node)
      if (!probabilities) return undefined
      const scores = readScores(probabilities.scores)
      if (scores instanceof Unlike) return scores
      return raiseAttention(node, probabilities.guarded, scores, masks, b)
    },
  }
}

/** Softmax over keys and its guard, behind the left operand of the product with the values. */
function readProbabilities(node: Node): { scores: Value; guarded: boolean } | undefined {
  const p = uncast(node.input(0))
  const guard = made(p, 'Where')
  const inner = guard ? guardedBy(guard) : undefined
  const softmax = made(uncast(inner ?? p), 'Softmax')
  if (!softmax || (guard && !inner)) return undefined
  const rank = softmax.output().type?.shape?.length
  const axis = softmax.int('axis', -1)
  if (!rank || (axis !== -1 && axis !== rank - 1)) return undefined
  if (![...p.uses].every(({ user }) => user === node)) return undefined
  return { scores: softmax.input(0), guarded: !!guard }
}

/** x of Where(IsNaN(x), 0, x). */
function guardedBy(guard: Node): Value | undefined {
  const x = guard.input(2)
  const test = made(guard.inputs[0], 'IsNaN')
  if (!test || test.input(0) !== x || number(guard.inputs[1]) !== 0) return undefined
  return onlyReadBy(x, guard, test) ? x : undefined
}

interface Scores {
  readonly product: Node
  readonly factor: number
  readonly masks: readonly MaskTerm[]
}

/** Peels masks, then factors, off the scores until their product is reached. */
function readScores(v: Value): Scores | Unlike {
  const masks: MaskTerm[] = []
  let [value, factor] = [uncast(v), 1]
  for (;;) {
    const product = scoreProduct(value)
    if (product) return { product, factor, masks }
    const scaled = scaledBy(value)
    const masked = scaled ? undefined : unmasked(value)
    if (scaled) [value, factor] = [uncast(scaled.x), factor * scaled.factor]
    else if (masked && factor === 1) {
      masks.push(masked.term)
      value = uncast(masked.scores)
    } else if (masked) return new Unlike('the mask is scaled together with the scores')
    else
      return new Unlike(
        `the scores come from ${value.producer?.qualifiedOp ?? 'an input'}, not from a product`,
      )
  }
}

function scoreProduct(v: Value): Node | undefined {
  const node = v.producer
  const isProduct =
    node && (node.qualifiedOp === 'MatMul' || node.qualifiedOp === 'com.microsoft::FusedMatMul')
  return isProduct && node.int('transA', 0) === 0 ? node : undefined
}

/** One mask taken off: scores + m, or scores chosen by a condition. */
function unmasked(v: Value): { scores: Value; term: MaskTerm } | undefined {
  const add = made(v, 'Add')
  if (add) {
    const [x, y] = [add.input(0), add.input(1)]
    const isLeft = leadsToProduct(x)
    if (!isLeft && !leadsToProduct(y)) return undefined
    return isLeft
      ? { scores: x, term: { kind: 'added', value: y } }
      : { scores: y, term: { kind: 'added', value: x } }
  }
  const where = made(v, 'Where')
  if (!where) return undefined
  const [condition, x, y] = [where.input(0), where.input(1), where.input(2)]
  const [yes, no] = [number(x), number(y)]
  if (no !== undefined && no <= LOW_FILL)
    return { scores: x, term: { kind: 'chosen', condition, hides: false, fill: no } }
  if (yes !== undefined && yes <= LOW_FILL)
    return { scores: y, term: { kind: 'chosen', condition, hides: true, fill: yes } }
  return undefined
}

/** A score that no other comes near. */
const LOW_FILL = -1e4

/** Whether a value is a product but for masks and factors; the other operand of a sum is the mask. */
function leadsToProduct(v: Value): boolean {
  const pending = [v]
  for (let steps = 0; pending.length > 0 && steps < 64; steps++) {
    const value = uncast(pending.pop()!)
    if (scoreProduct(value)) return true
    const scaled = scaledBy(value)
    const node = scaled ? undefined : made(value, 'Add', 'Where')
    if (scaled) pending.push(scaled.x)
    else if (node) pending.push(...node.inputs.slice(node.op === 'Add' ? 0 : 1).map((x) => x!))
  }
  return false
}

function raiseAttention(
  node: Node,
  guarded: boolean,
  { product, factor, masks: terms }: Scores,
  masks: AttentionMasks,
  b: Builder,
): Value | Unlike {
  const [left, right] = [unscaled(product.input(0)), unscaled(product.input(1))]
  const isFused = product.int('transB', 0) === 1
  const key = isFused ? () => right.x : untransposed(right.x)
  if (!key) return new Unlike('the keys are not transposed by the exporter')
  const problem = shapeProblem(node, product, left.x, right.x, isFused)
  if (problem) return new Unlike(problem)
  const mask = masks.make(b, terms, guarded, left.x.type!.dtype)
  if (mask instanceof Unlike) return mask
  const scale = factor * left.factor * right.factor * product.float('alpha', 1)
  const [k, v] = shareGroups(key(b), node.input(1))
  return emitAttention(b, { q: left.x, k, v, scale, ...mask })
}

/** Only products of equal batches, without broadcasting, are an attention. */
function shapeProblem(node: Node, product: Node, q: Value, key: Value, isFused: boolean): string | undefined {
  const [a, k, v, y] = [q, key, node.input(1), node.output()].map((x) => x.type?.shape)
  if (!a || !k || !v || !y || !product.output().type?.shape) return 'a rank is unknown'
  if (a.length < 3 || k.length !== a.length || v.length !== a.length)
    return `ranks ${a.length}, ${k.length}, ${v.length}`
  const batches = [k, v, y].every((x) => sameShape(x.slice(0, -2), a.slice(0, -2)))
  if (!batches)
    return `batches [${a.slice(0, -2)}], [${k.slice(0, -2)}] and [${v.slice(0, -2)}] are not known to be equal`
  const keys = isFused ? k.at(-2)! : k.at(-1)!
  return keys.equals(v.at(-2)!) ? undefined : `${keys} keys and ${v.at(-2)} values`
}

/** Keys and values as they were before both were repeated for the heads of a group. */
function shareGroups(k: Value, v: Value): [Value, Value] {
  const [own, ownV] = [ungrouped(k), ungrouped(v)]
  const equal = own && ownV && own.type!.shape![1]!.equals(ownV.type!.shape![1]!)
  return equal ? [own, ownV] : [k, v]
}
