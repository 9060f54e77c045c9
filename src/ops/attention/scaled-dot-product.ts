/** Scaled dot-product attention written in standard operators, for the fused attention operators of every domain. */
import type { Builder } from '../../builder.js'
import { Expr } from '../../expr.js'
import type { Node, Value } from '../../ir.js'
import { invalid } from '../../op.js'
import type { DType, Shape } from '../../types.js'

/** What attention computes, heads apart: q [B, Hq, S, D], k [B, Hk, T, D], v [B, Hk, T, Dv] with Hq a multiple of Hk. */
export interface ScaledDotProduct {
  readonly q: Value
  readonly k: Value
  readonly v: Value
  readonly scale: number | Value
  /** Scores x become softcap·tanh(x/softcap); 0 leaves them. */
  readonly softcap?: number
  /** Added to the scores; broadcastable to [B, Hq, S, T]. */
  readonly bias?: Value | undefined
  /** A logit per head [1, Hq or 1, 1, 1] that every row's softmax has besides those of its keys. */
  readonly sink?: Value | undefined
  /** Whether a row's keys may all be masked by −∞: its result is then zero. */
  readonly guarded?: boolean
  /** Element type of the softmax. */
  readonly precision?: DType
}

/** What a caller may want to see of it. */
export interface ScaledDotProductResult {
  readonly y: Value
  readonly scores: Value
  readonly capped: Value
  readonly biased: Value
  readonly probabilities: Value
}

/** Emits `Softmax(softcap(scale·q·kᵀ) + bias)·v`. */
export function scaledDotProduct(b: Builder, p: ScaledDotProduct): ScaledDotProductResult {
  const dtype = p.q.type!.dtype
  const heads = p.q.type!.shape![1]!
  const scaled = typeof p.scale === 'number' ? b.scale(p.q, p.scale) : b.mul(p.q, p.scale)
  const scores = b.matmul(scaled, b.transposeLast(repeatHeads(b, p.k, heads)))
  const capped = p.softcap ? b.scale(b.emit('Tanh', [b.scale(scores, 1 / p.softcap)]), p.softcap) : scores
  const biased = p.bias ? b.add(capped, b.cast(p.bias, dtype)) : capped
  const softmax = softmaxOf(b, b.cast(biased, p.precision ?? dtype), p.sink)
  const kept = p.guarded
    ? b.emit('Where', [b.emit('IsNaN', [softmax]), b.scalarLike(softmax, 0), softmax])
    : softmax
  const probabilities = b.cast(kept, dtype)
  const y = b.matmul(probabilities, repeatHeads(b, p.v, heads))
  return { y, scores, capped, biased, probabilities }
}

/** Softmax over the keys, with the sink as one more key that is left out of the result. */
function softmaxOf(b: Builder, scores: Value, sink: Value | undefined): Value {
  if (!sink) return b.emit('Softmax', [scores], { axis: -1 })
  const shape = scores.type!.shape!
  const column = b.emit('Expand', [b.cast(sink, scores.type!.dtype), b.shape(shape.with(-1, Expr.one))])
  const all = b.emit('Softmax', [b.emit('Concat', [scores, column], { axis: -1 })], { axis: -1 })
  return b.emit('Slice', [all, b.ints([0]), b.dim(shape.at(-1)!), b.ints([-1])])
}

/** Every head of [B, Hk, T, D] repeated in place to `heads` of them. */
function repeatHeads(b: Builder, x: Value, heads: Expr): Value {
  const [batch, own, length, size] = x.type!.shape! as [Expr, Expr, Expr, Expr]
  if (own.equals(heads)) return x
  const times = heads.div(own)
  const open = b.reshape(x, [batch, own, Expr.one, length, size])
  const repeated = b.emit('Expand', [open, b.shape([batch, own, times, length, size])])
  return b.reshape(repeated, [batch, heads, length, size])
}

/** [B, S, heads·D] as [B, heads, S, D]; what has four axes stays. */
export function splitHeads(node: Node, b: Builder, x: Value, heads: Expr, size?: Expr): Value {
  const shape = x.type!.shape!
  if (shape.length === 4) return x
  if (shape.length !== 3 || heads.constant === 0) {
    throw invalid(node, 'operands of rank 4, or of rank 3 with numbers of heads', `[${shape}]`)
  }
  const [batch, length, hidden] = shape as [Expr, Expr, Expr]
  return b.transpose(b.reshape(x, [batch, length, heads, size ?? hidden.div(heads)]), [0, 2, 1, 3])
}

/** [B, heads, S, D] as [B, S, heads·D]. */
export function joinHeads(b: Builder, x: Value): Value {
  const [batch, heads, length, size] = x.type!.shape! as [Expr, Expr, Expr, Expr]
  return b.reshape(b.transpose(x, [0, 2, 1, 3]), [batch, length, heads.mul(size)])
}

/** The integers below `length`, as a vector shaped for axis `axis` of `rank`. */
export function indices(b: Builder, length: Expr, axis: number, rank: number): Value {
  const end = b.emit('Squeeze', [b.dim(length)])
  const range = b.emit('Range', [b.scalar('int64', 0), end, b.scalar('int64', 1)])
  return b.reshape(
    range,
    Array.from({ length: rank }, (_, i) => (i === axis ? length : Expr.one)),
  )
}

/** Whether query i may see key j: `j <= i + offset`, of shape [S, T] or, with an offset per batch, [B, 1, S, T]. */
export function causalMask(b: Builder, queries: Expr, keys: Expr, offset: Value | undefined): Value {
  const rank = offset ? 4 : 2
  const last = indices(b, queries, rank - 2, rank)
  return b.emit('LessOrEqual', [indices(b, keys, rank - 1, rank), offset ? b.add(last, offset) : last])
}

/** 0 where a bool mask holds, −∞ elsewhere. */
export function maskBias(b: Builder, allowed: Value, dtype: DType): Value {
  return b.emit('Where', [allowed, b.scalar(dtype, 0), b.scalar(dtype, -Infinity)])
}

/** Both bool masks, or the one there is. */
export function bothMasks(b: Builder, x: Value | undefined, y: Value | undefined): Value | undefined {
  return x && y ? b.emit('And', [x, y]) : (x ?? y)
}

/** A mask whose last axis is padded to `length` with what masks: false, or −∞. */
export function padMask(b: Builder, mask: Value, length: Expr): Value {
  const shape = mask.type!.shape! as Shape
  const missing = length.sub(shape.at(-1)!)
  if (missing.constant === 0) return mask
  const { dtype } = mask.type!
  const fill = b.scalar(dtype, dtype === 'bool' ? 0 : -Infinity)
  return b.emit('Pad', [mask, b.shape([Expr.zero, missing]), fill, b.ints([shape.length - 1])])
}

/** A float attribute where the node has it. */
export function optionalFloat(node: Node, name: string): number | undefined {
  return node.attributes.has(name) ? node.float(name, 0) : undefined
}

/** `1/√size`: a number where the size is static. */
export function defaultScale(b: Builder, size: Expr, dtype: DType): number | Value {
  if (size.constant !== undefined) return 1 / Math.sqrt(size.constant)
  return b.emit('Reciprocal', [b.emit('Sqrt', [b.cast(b.dim(size), dtype)])])
}
