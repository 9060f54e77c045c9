/** com.microsoft's fused attention operators, by way of their parts. */
import type { Builder } from '../../builder.js'
import { Expr } from '../../expr.js'
import type { Node, Value } from '../../ir.js'
import { invalid, type Inferred, type OpDef } from '../../op.js'
import type { DType, Shape, TensorType } from '../../types.js'
import { anglesAt, rotate } from '../rotary.js'
import {
  bothMasks,
  causalMask,
  defaultScale,
  indices,
  joinHeads,
  optionalFloat,
  scaledDotProduct,
  splitHeads,
} from '../attention/scaled-dot-product.js'
import { shapeOf, typeOf } from '../support/shapes.js'
import { rmsNormalized, statisticsType } from '../layer-normalization.js'

const MICROSOFT = 'com.microsoft'

/** Query, key and value with their heads apart, the past before the new; and what they were made of. */
interface Heads {
  readonly q: Value
  readonly k: Value
  readonly v: Value
  /** Number of keys that precede the first query. */
  readonly past: Expr
}

function headCount(node: Node): Expr {
  const count = node.int('num_heads', 0)
  if (count <= 0) throw invalid(node, 'a positive num_heads', String(count))
  return Expr.of(count)
}

/** Inputs that only inference uses, by index, with their names. */
function refuseInputs(node: Node, names: Readonly<Record<number, string>>): void {
  for (const [i, name] of Object.entries(names)) {
    if (node.inputs[Number(i)]) throw invalid(node, `no ${name} in a model that is trained`, 'one')
  }
}

/** Consecutive parts of the last axis of x. */
function parts(b: Builder, x: Value, sizes: Shape): Value[] {
  return b.emitAll('Split', [x, b.shape(sizes)], { axis: -1 }, { outputs: sizes.length })
}

/** The new keys (or values) behind those of the past. */
function withPast(b: Builder, past: Value | null | undefined, fresh: Value): Value {
  return past ? b.emit('Concat', [past, fresh], { axis: 2 }) : fresh
}

/**
 * What a padding mask says of the keys: a bool broadcastable to [B, 1, S, T]. Its forms: [B, T] and [B, S, T] of 0 and 1,
 * [B] with the number of valid keys, [2B] with their ends and starts.
 */
function paddingMask(node: Node, b: Builder, mask: Value, batch: Expr, keys: Expr): Value {
  const shape = shapeOf(node, mask)
  const one = Expr.one
  const zero = b.scalarLike(mask, 0)
  if (shape.length === 2) return b.emit('Greater', [b.reshape(mask, [shape[0]!, one, one, shape[1]!]), zero])
  if (shape.length === 3)
    return b.emit('Greater', [b.reshape(mask, [shape[0]!, one, shape[1]!, shape[2]!]), zero])
  const place = b.cast(indices(b, keys, 3, 4), mask.type!.dtype)
  const below = (end: Value) => b.emit('Less', [place, b.reshape(end, [batch, one, one, one])])
  if (shape.length === 1 && shape[0]!.equals(batch)) return below(mask)
  if (shape.length === 1 && shape[0]!.equals(batch.mul(2))) {
    const [end, start] = b.emitAll('Split', [mask], { axis: 0, num_outputs: 2 }, { outputs: 2 })
    return b.emit('And', [below(end!), b.emit('Not', [below(start!)])])
  }
  throw invalid(node, 'a mask of [batch, keys], [batch, queries, keys], [batch] or [2·batch]', `[${shape}]`)
}

/** What is added to the scores: a finite penalty for padding, −∞ for keys after their query, and the operator's own bias. */
function biasOf(
  node: Node,
  b: Builder,
  { q, k, past }: Heads,
  mask: Value | null,
  bias: Value | null,
): Value | undefined {
  const dtype = q.type!.dtype
  const [batch, , queries] = q.type!.shape! as [Expr, Expr, Expr]
  const keys = k.type!.shape![2]!
  const terms: Value[] = []
  if (mask) {
    const penalty = b.scalar(dtype, node.float('mask_filter_value', -10000))
    terms.push(b.emit('Where', [paddingMask(node, b, mask, batch, keys), b.scalar(dtype, 0), penalty]))
  }
  if (node.int('unidirectional', 0)) terms.push(hidden(b, causal(b, queries, keys, past), dtype))
  if (bias) terms.push(bias)
  return terms.length > 0 ? terms.reduce((x, y) => b.add(x, y)) : undefined
}

function causal(b: Builder, queries: Expr, keys: Expr, past: Expr): Value {
  return causalMask(b, queries, keys, past.constant === 0 ? undefined : b.dim(past))
}

/** 0 where `seen`, −∞ elsewhere. */
function hidden(b: Builder, seen: Value, dtype: DType): Value {
  return b.emit('Where', [seen, b.scalar(dtype, 0), b.scalar(dtype, -Infinity)])
}

function attend(node: Node, b: Builder, heads: Heads, bias: Value | undefined): Value {
  const scale = optionalFloat(node, 'scale') || defaultScale(b, heads.q.type!.shape![3]!, heads.q.type!.dtype)
  return joinHeads(b, scaledDotProduct(b, { ...heads, scale, bias }).y)
}

/** q, k and v of Attention: one product with the merged weights. */
function projected(node: Node, b: Builder): Heads {
  const [x, weights, bias, , past] = [0, 1, 2, 3, 4].map((i) => node.inputs[i] ?? null)
  const heads = headCount(node)
  const product = b.matmul(x!, weights!)
  const merged = bias ? b.add(product, bias) : product
  const split = parts(b, merged, mergedSizes(node))
  const [q, k, v] = split.map((p) => splitHeads(node, b, p, heads)) as [Value, Value, Value]
  if (!past) return { q, k, v, past: Expr.zero }
  const [pastK, pastV] = [0, 1].map((i) => b.emit('Gather', [past, b.scalar('int64', i)], { axis: 0 }))
  return { q, k: withPast(b, pastK, k), v: withPast(b, pastV, v), past: shapeOf(node, past)[3]! }
}

/** Widths of q, k and v in the merged weights. */
function mergedSizes(node: Node): Shape {
  const given = node.ints('qkv_hidden_sizes')
  const total = shapeOf(node, node.input(1))[1]!
  return given?.length ? given.map(Expr.of) : [0, 1, 2].map(() => total.div(3))
}

function inferAttention(node: Node): Inferred[] {
  const { dtype, shape } = typeOf(node.inputs[0])
  const width = mergedSizes(node)[2]!
  const past = node.inputs[4] && typeOf(node.inputs[4]).shape
  const heads = headCount(node)
  const length = shape && (past ? past[3]!.add(shape[1]!) : shape[1]!)
  const present = shape && [Expr.of(2), shape[0]!, heads, length!, width.div(heads)]
  return [
    { type: { dtype, shape: shape && [shape[0]!, shape[1]!, width] } },
    { type: { dtype, shape: present } },
  ]
}

function lowerAttention(node: Node, b: Builder): (Value | null)[] {
  refuseInputs(node, { 6: 'past_sequence_length' })
  if (node.int('do_rotary', 0)) throw invalid(node, 'do_rotary = 0', '1')
  const heads = projected(node, b)
  const y = attend(node, b, heads, biasOf(node, b, heads, node.inputs[3] ?? null, node.inputs[5] ?? null))
  const stacked = (x: Value) => b.reshape(x, [Expr.one, ...x.type!.shape!])
  const present = node.outputs[1] ? b.emit('Concat', [stacked(heads.k), stacked(heads.v)], { axis: 0 }) : null
  return [y, present]
}

/** Query, key and value of MultiHeadAttention as [B, L, heads·D], unpacked; [B, heads, L, D] stays. */
function operandsOf(node: Node, b: Builder): Value[] {
  const [query, key, value] = [node.input(0), node.inputs[1], node.inputs[2]]
  const packed = (x: Value, count: number): Value[] => {
    const [batch, length, heads, , size] = shapeOf(node, x) as [Expr, Expr, Expr, Expr, Expr]
    const split = b.emitAll(
      'Split',
      [x, b.ints(new Array<number>(count).fill(1))],
      { axis: 3 },
      { outputs: count },
    )
    return split.map((p) => b.reshape(p, [batch, length, heads.mul(size)]))
  }
  if (!key) return packed(query, 3)
  return value ? [query, key, value] : [query, ...packed(key, 2)]
}

/** Adds the parts of the merged input bias [q + k + v] to operands that are not split into heads yet. */
function withInputBias(node: Node, b: Builder, operands: Value[]): Value[] {
  const bias = node.inputs[3]
  if (!bias) return operands
  const [q, k] = operands.map((x) => shapeOf(node, x)) as [Shape, Shape, Shape]
  const width = q[2]!
  const all = shapeOf(node, bias)[0]!
  const pieces = parts(b, bias, [width, width, all.sub(width.mul(2))])
  return operands.map((x, i) => (i > 0 && k.length === 4 ? x : b.add(x, pieces[i]!)))
}

function separated(node: Node, b: Builder): Heads {
  const heads = headCount(node)
  const [q, k, v] = withInputBias(node, b, operandsOf(node, b)).map((x) => splitHeads(node, b, x, heads)) as [
    Value,
    Value,
    Value,
  ]
  const [pastK, pastV] = [node.inputs[6], node.inputs[7]]
  const past = pastK ? shapeOf(node, pastK)[2]! : Expr.zero
  return { q, k: withPast(b, pastK, k), v: withPast(b, pastV, v), past }
}

function lowerMultiHead(node: Node, b: Builder): (Value | null)[] {
  refuseInputs(node, { 8: 'past_sequence_length', 9: 'cache_indirection' })
  const heads = separated(node, b)
  const y = attend(node, b, heads, biasOf(node, b, heads, node.inputs[4] ?? null, node.inputs[5] ?? null))
  return [y, heads.k, heads.v].map((x, i) => (node.outputs[i] ? x : null))
}

function inferMultiHead(node: Node): Inferred[] {
  const { dtype, shape } = typeOf(node.inputs[0])
  const [k, v] = [typeOf(node.inputs[1]).shape, typeOf(node.inputs[2]).shape]
  const heads = headCount(node)
  if (!shape) return [{ type: { dtype } }]
  const size = shape.length === 5 ? shape[4]! : shape[2]!.div(heads)
  const width = v ? (v.length === 4 ? v[3]!.mul(heads) : v[2]!) : size.mul(heads)
  const fresh = k ? (k.length === 4 ? k[2]! : k[1]!) : shape[1]!
  const total = node.inputs[6] ? shapeOf(node, node.inputs[6])[2]!.add(fresh) : fresh
  const cache = (d: Expr): TensorType => ({ dtype, shape: [shape[0]!, heads, total, d] })
  return [
    { type: { dtype, shape: [shape[0]!, shape[1]!, width] } },
    { type: cache(size) },
    { type: cache(width.div(heads)) },
  ]
}

/** Query, key and value of GroupQueryAttention, rotated and cached. */
function grouped(node: Node, b: Builder): Heads {
  const [heads, groups] = [headCount(node), Expr.of(node.int('kv_num_heads', 0))]
  const size = groupedSize(node)
  const packed = node.inputs[1]
    ? undefined
    : parts(
        b,
        node.input(0),
        [heads, groups, groups].map((n) => n.mul(size)),
      )
  const [q, k, v] = [heads, groups, groups].map((n, i) =>
    splitHeads(node, b, packed?.[i] ?? node.input(i), n, size),
  ) as [Value, Value, Value]
  const past = node.inputs[3] ? shapeOf(node, node.inputs[3])[2]! : Expr.zero
  const turn = rotation(node, b, q, past)
  const [turnedQ, turnedK] = [turn(normalized(node, b, q, 14)), turn(normalized(node, b, k, 15))]
  return { q: turnedQ, k: withPast(b, node.inputs[3], turnedK), v: withPast(b, node.inputs[4], v), past }
}

/** Every head under an RMS norm, where the node has a weight for it (Qwen3). */
function normalized(node: Node, b: Builder, x: Value, at: number): Value {
  const weight = node.inputs[at]
  if (!weight) return x
  return rmsNormalized(b, x, weight, [-1], node.float('qk_norm_epsilon', 1e-6), statisticsType(x))[0]
}

/** Size of a head: the query's width, packed or not, by its heads. */
function groupedSize(node: Node): Expr {
  const width = shapeOf(node, node.input(0))[2]!
  const count = node.inputs[1]
    ? node.int('num_heads', 0)
    : node.int('num_heads', 0) + 2 * node.int('kv_num_heads', 0)
  return width.div(count)
}

/** Rotates at the given positions, else at those that follow the past. */
function rotation(node: Node, b: Builder, q: Value, past: Expr): (x: Value) => Value {
  if (node.int('do_rotary', 0) === 0) return (x) => x
  const length = q.type!.shape![2]!
  const places = b.add(indices(b, length, 1, 2), b.dim(past))
  const ids = node.inputs[9] ?? places
  const [cos, sin] = [7, 8].map((i) => anglesAt(b, node.input(i), ids)) as [Value, Value]
  const interleaved = node.int('rotary_interleaved', 0) !== 0
  return (x) => rotate(b, x, { cos, sin, interleaved })
}

/** Causal, within the local window, plus the operator's own bias. */
function groupedBias(node: Node, b: Builder, { q, k, past }: Heads): Value | undefined {
  const [queries, keys] = [q.type!.shape![2]!, k.type!.shape![2]!]
  const window = node.int('local_window_size', -1)
  const seen = node.int('causal', 1) ? causal(b, queries, keys, past) : undefined
  const near = window > 0 ? b.emit('Not', [causal(b, queries, keys, past.sub(window))]) : undefined
  const mask = bothMasks(b, seen, near)
  const terms = [mask && hidden(b, mask, q.type!.dtype), node.inputs[10] ?? undefined].filter(
    (t) => t !== undefined,
  )
  return terms.length > 0 ? terms.reduce((x, y) => b.add(x, y)) : undefined
}

function lowerGrouped(node: Node, b: Builder): (Value | null)[] {
  refuseInputs(node, { 12: 'k_scale', 13: 'v_scale' })
  const heads = grouped(node, b)
  const [size, dtype] = [heads.q.type!.shape![3]!, heads.q.type!.dtype]
  const scale = optionalFloat(node, 'scale') || defaultScale(b, size, dtype)
  const bias = groupedBias(node, b, heads)
  const { y } = scaledDotProduct(b, {
    ...heads,
    scale,
    softcap: node.float('softcap', 0),
    bias,
    sink: sinkOf(node, b, dtype),
  })
  return [joinHeads(b, y), heads.k, heads.v].map((x, i) => (node.outputs[i] ? x : null))
}

/** The logit that joins the softmax's denominator: one per head, or zero for a smooth softmax. */
function sinkOf(node: Node, b: Builder, dtype: DType): Value | undefined {
  const given = node.inputs[11]
  if (given) return b.reshape(given, [Expr.one, headCount(node), Expr.one, Expr.one])
  return node.int('smooth_softmax', -1) === 1 ? b.constant(dtype, [1, 1, 1, 1], [0]) : undefined
}

function inferGrouped(node: Node): Inferred[] {
  const { dtype, shape } = typeOf(node.inputs[0])
  if (!shape) return [{ type: { dtype } }]
  const size = groupedSize(node)
  const fresh = node.inputs[1] ? shapeOf(node, node.inputs[1])[1]! : shape[1]!
  const total = node.inputs[3] ? shapeOf(node, node.inputs[3])[2]!.add(fresh) : fresh
  const cache: TensorType = { dtype, shape: [shape[0]!, Expr.of(node.int('kv_num_heads', 0)), total, size] }
  return [
    { type: { dtype, shape: [shape[0]!, shape[1]!, size.mul(headCount(node))] } },
    { type: cache },
    { type: cache },
  ]
}

/** Definitions of the fused attention operators. */
export const microsoftAttention = {
  [`${MICROSOFT}::Attention`]: { infer: inferAttention, grad: 'none', lower: lowerAttention },
  [`${MICROSOFT}::MultiHeadAttention`]: { infer: inferMultiHead, grad: 'none', lower: lowerMultiHead },
  /** Keys of the past are taken to be equally many in every sequence of the batch. */
  [`${MICROSOFT}::GroupQueryAttention`]: { infer: inferGrouped, grad: 'none', lower: lowerGrouped },
} satisfies Record<string, OpDef>
