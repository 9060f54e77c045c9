/** ONNX's own fused Attention (opset 23 to 25), by way of its parts. */
import { dtypeOf, type Builder } from '../../builder.js'
import { Expr } from '../../expr.js'
import type { Node, Value } from '../../ir.js'
import type { InferContext, Inferred, OpDef } from '../../op.js'
import {
  bothMasks,
  causalMask,
  defaultScale,
  indices,
  joinHeads,
  maskBias,
  optionalFloat,
  padMask,
  scaledDotProduct,
  splitHeads,
} from './scaled-dot-product.js'
import { broadcastDims } from '../support/broadcast.js'
import { plus } from '../support/emit.js'
import { shapeOf, typeOf } from '../support/shapes.js'

/** Batch, heads, sequence and head size of operand `i`, whichever layout it has. */
function layoutOf(
  node: Node,
  i: number,
  heads: string,
): { batch: Expr; heads: Expr; length: Expr; size: Expr } {
  const shape = shapeOf(node, node.input(i))
  if (shape.length === 4) return { batch: shape[0]!, heads: shape[1]!, length: shape[2]!, size: shape[3]! }
  const count = node.int(heads, 1)
  const [batch, length, hidden] = shape as [Expr, Expr, Expr]
  return { batch, heads: Expr.of(count), length, size: hidden.div(count) }
}

function inferAttention(node: Node, ctx: InferContext): Inferred[] {
  const types = [0, 1, 2].map((i) => typeOf(node.inputs[i]))
  if (types.some((t) => !t.shape))
    return node.outputs.map((_, i) => ({ type: { dtype: types[i === 2 ? 2 : 0]!.dtype } }))
  const q = layoutOf(node, 0, 'q_num_heads')
  const k = layoutOf(node, 1, 'kv_num_heads')
  const v = layoutOf(node, 2, 'kv_num_heads')
  const total = totalLength(node, k.length)
  const batch = broadcastDims([q.batch, k.batch]) ?? ctx.unknownDim(0, 0)
  const y =
    types[0]!.shape!.length === 4
      ? [batch, q.heads, q.length, v.size]
      : [batch, q.length, q.heads.mul(v.size)]
  return [
    { type: { dtype: types[0]!.dtype, shape: y } },
    { type: { dtype: types[1]!.dtype, shape: [k.batch, k.heads, total, k.size] } },
    { type: { dtype: types[2]!.dtype, shape: [v.batch, v.heads, total, v.size] } },
    { type: { dtype: types[0]!.dtype, shape: [batch, q.heads, q.length, total] } },
  ]
}

/** Past and new keys together. */
function totalLength(node: Node, length: Expr): Expr {
  const past = node.inputs[4]
  return past ? length.add(shapeOf(node, past)[2]!) : length
}

/** What is added to the scores, and whether it may mask whole rows. */
function biasOf(
  node: Node,
  b: Builder,
  queries: Expr,
  keys: Expr,
): { bias: Value | undefined; guarded: boolean } {
  const dtype = node.input(0).type!.dtype
  const [given, lengths] = [node.inputs[3], node.inputs[6]]
  const mask = given && padMask(b, given, keys)
  const perBatch = lengths && b.reshape(lengths, [shapeOf(node, lengths)[0]!, Expr.one, Expr.one, Expr.one])
  const causal = windowMask(node, b, queries, keys, () => causalOffset(node, b, queries, perBatch))
  const valid = perBatch ? b.emit('Less', [indices(b, keys, 3, 4), perBatch]) : undefined
  const isBool = mask?.type!.dtype === 'bool'
  const allowed = bothMasks(b, bothMasks(b, causal, valid), isBool ? mask : undefined)
  const hard = allowed && maskBias(b, allowed, dtype)
  const soft = mask && !isBool ? b.cast(mask, dtype) : undefined
  return {
    bias: hard && soft ? b.add(hard, soft) : (hard ?? soft),
    guarded: !!mask || !!lengths || node.int('left_window_size', -1) >= 0,
  }
}

/** The keys that a query sees: none after it where causal, and within the windows of opset 25. */
function windowMask(
  node: Node,
  b: Builder,
  queries: Expr,
  keys: Expr,
  offset: () => Value | undefined,
): Value | undefined {
  const [left, right] = [node.int('left_window_size', -1), node.int('right_window_size', -1)]
  const causal = node.int('is_causal', 0) === 1
  if (left < 0 && right < 0 && !causal) return undefined
  const first = offset()
  const moved = (by: number) => (by === 0 ? first : first ? plus(b, first, by) : b.ints([by]))
  const after = causal || right >= 0 ? causalMask(b, queries, keys, moved(causal ? 0 : right)) : undefined
  const before = left >= 0 ? b.emit('Not', [causalMask(b, queries, keys, moved(-left - 1))]) : undefined
  return bothMasks(b, after, before)
}

/** How many valid keys precede the first query. */
function causalOffset(
  node: Node,
  b: Builder,
  queries: Expr,
  lengths: Value | null | undefined,
): Value | undefined {
  const past = node.inputs[4]
  if (past) return b.dim(shapeOf(node, past)[2]!)
  return lengths ? b.sub(lengths, b.dim(queries)) : undefined
}

function lowerAttention(node: Node, b: Builder): (Value | null)[] {
  const rank = shapeOf(node, node.input(0)).length
  const q = splitHeads(node, b, node.input(0), Expr.of(node.int('q_num_heads', 0)))
  const [k, v] = [1, 2].map((i) => {
    const fresh = splitHeads(node, b, node.input(i), Expr.of(node.int('kv_num_heads', 0)))
    const past = node.inputs[i + 3]
    return past ? b.emit('Concat', [past, fresh], { axis: 2 }) : fresh
  }) as [Value, Value]
  const [queries, size] = q.type!.shape!.slice(2) as [Expr, Expr]
  const scale = optionalFloat(node, 'scale') ?? defaultScale(b, size, q.type!.dtype)
  const precision = node.attributes.has('softmax_precision')
    ? { precision: dtypeOf(node.int('softmax_precision', 1)) }
    : {}
  const masks = biasOf(node, b, queries, k.type!.shape![2]!)
  const result = scaledDotProduct(b, {
    q,
    k,
    v,
    scale,
    softcap: node.float('softcap', 0),
    ...masks,
    ...precision,
  })
  const seen = [result.scores, result.capped, result.biased, result.probabilities][
    node.int('qk_matmul_output_mode', 0)
  ]!
  return [rank === 3 ? joinHeads(b, result.y) : result.y, k, v, seen].map((x, i) =>
    node.outputs[i] ? x : null,
  )
}

/** Definition of Attention. */
export const fusedAttention = {
  /** y = Softmax(softcap(scale·q·kᵀ) + bias)·v, zero for queries that see no key. */
  Attention: { infer: inferAttention, grad: 'none', lower: lowerAttention },
} satisfies Record<string, OpDef>
