/**
 * com.microsoft's packed sequences: the tokens of a batch one after the other, without padding. Attention is over all of them
 * with a mask between sequences.
 */
import type { Builder } from '../../builder.js'
import { Expr } from '../../expr.js'
import type { Node, Value } from '../../ir.js'
import { invalid, type Inferred, type OpDef } from '../../op.js'
import type { Shape } from '../../types.js'
import { microsoftAttention } from './attention.js'
import { indices } from '../attention/scaled-dot-product.js'
import { shapeOf, typeOf } from '../support/shapes.js'

/** 0 between tokens of a sequence and −∞ elsewhere: [1, 1, T, T] from the ends [B + 1] of the sequences. */
function sameSequence(b: Builder, ends: Value, tokens: Expr, like: Value): Value {
  const count = ends.type!.shape![0]!
  const places = b.cast(indices(b, tokens, 0, 2), ends.type!.dtype)
  const passed = b.emit('GreaterOrEqual', [places, b.reshape(ends, [Expr.one, count])])
  const sequence = b.sum(b.cast(passed, 'int32'), [1], true)
  const same = b.emit('Equal', [sequence, b.transpose(sequence, [1, 0])])
  const { dtype } = like.type!
  const bias = b.emit('Where', [same, b.scalar(dtype, 0), b.scalar(dtype, -Infinity)])
  return b.reshape(bias, [Expr.one, Expr.one, tokens, tokens])
}

/** The fused operator on one sequence of all tokens; its definition's expansion. */
function attend(
  node: Node,
  b: Builder,
  op: 'Attention' | 'MultiHeadAttention',
  inputs: (Value | null)[],
): Value {
  const attributes = Object.fromEntries(node.attributes)
  const fused = b.emit(op, inputs, attributes, { domain: 'com.microsoft' })
  const [y] = microsoftAttention[`com.microsoft::${op}`].lower(fused.producer!, b)
  const [, tokens, width] = y!.type!.shape! as [Expr, Expr, Expr]
  return b.reshape(y!, [tokens, width])
}

function refuseBias(node: Node, at: number): void {
  if (node.inputs[at]) throw invalid(node, 'no attention_bias', 'one')
}

const batched = (b: Builder, x: Value): Value => b.reshape(x, [Expr.one, ...x.type!.shape!])

/** Inputs: x [T, in], merged weights, bias, token offsets, ends of the sequences. */
function packedAttention(node: Node, b: Builder): Value {
  refuseBias(node, 5)
  const [x, weights, bias, ends] = [0, 1, 2, 4].map((i) => node.input(i)) as [Value, Value, Value, Value]
  const mask = sameSequence(b, ends, shapeOf(node, x)[0]!, x)
  return attend(node, b, 'Attention', [batched(b, x), weights, bias, null, null, mask])
}

/** Inputs: q, k, v [T, width] or all of them [T, heads, 3, size]; their bias, token offsets, ends of the sequences. */
function packedMultiHead(node: Node, b: Builder): Value {
  refuseBias(node, 6)
  type Optional = Value | null
  const [q, k, v, bias] = [0, 1, 2, 3].map((i) => node.inputs[i] ?? null) as [
    Optional,
    Optional,
    Optional,
    Optional,
  ]
  const ends = node.input(5)
  const mask = sameSequence(b, ends, shapeOf(node, q!)[0]!, q!)
  const operands = [q!, k, v].map((x) => x && batched(b, x))
  return attend(node, b, 'MultiHeadAttention', [...operands, bias, null, mask])
}

function inferPacked(node: Node, width: (shape: Shape) => Expr | undefined): Inferred[] {
  const { dtype, shape } = typeOf(node.inputs[0])
  const columns = shape && width(shape)
  return [{ type: { dtype, shape: columns && [shape[0]!, columns] } }]
}

/** x [B, S, H] without what follows the first `count` tokens of every sequence, and where what is left came from. */
function removePadding(node: Node, b: Builder): (Value | null)[] {
  const [x, counts] = [node.input(0), node.input(1)]
  const [batch, length, width] = shapeOf(node, x) as [Expr, Expr, Expr]
  const all = batch.mul(length)
  const places = b.cast(indices(b, length, 1, 2), counts.type!.dtype)
  const valid = b.reshape(b.emit('Less', [places, b.reshape(counts, [batch, Expr.one])]), [all])
  const kept = b.emit('Compress', [b.reshape(x, [all, width]), valid], { axis: 0 })
  const outputs = node.outputs.length
  return [
    kept,
    outputs > 1 ? offsets(b, valid, all, [batch, length]) : null,
    outputs > 2 ? ends(b, counts) : null,
    outputs > 3 ? b.emit('ReduceMax', [counts, b.ints([0])], { keepdims: 1 }) : null,
  ]
}

/** Offsets of the tokens that count, then of those that do not, each in order. */
function offsets(b: Builder, valid: Value, all: Expr, shape: Shape): Value {
  const rank = b.mul(b.cast(valid, 'int64'), b.dim(all))
  const keys = b.sub(rank, indices(b, all, 0, 1))
  const [, order] = b.emitAll('TopK', [keys, b.dim(all)], { axis: 0 }, { outputs: 2 })
  return b.cast(b.reshape(order!, shape), 'int32')
}

function ends(b: Builder, counts: Value): Value {
  const sums = b.emit('CumSum', [counts, b.scalar('int64', 0)])
  return b.emit('Concat', [b.constant(counts.type!.dtype, [1], [0]), sums], { axis: 0 })
}

/** Packed tokens [T, H] at their offsets in [B, S, H], zero elsewhere. */
function restorePadding(node: Node, b: Builder): Value {
  const [x, given] = [node.input(0), node.input(1)]
  const [[tokens, width], [batch, length]] = [shapeOf(node, x), shapeOf(node, given)]
  const all = batch!.mul(length!)
  const flat = b.reshape(b.cast(given, 'int64'), [all])
  const first = b.emit('Slice', [flat, b.ints([0]), b.dim(tokens!), b.ints([0])])
  first.type = { dtype: 'int64', shape: [tokens!] }
  const zeros = b.full({ dtype: x.type!.dtype, shape: [all, width!] }, 0)
  const filled = b.emit('ScatterND', [zeros, b.reshape(first, [tokens!, Expr.one]), x])
  return b.reshape(filled, [batch!, length!, width!])
}

/** Definitions of the packed forms. */
export const microsoftPacked = {
  'com.microsoft::PackedAttention': {
    infer: (node) => {
      const sizes = node.ints('qkv_hidden_sizes')
      const all = typeOf(node.inputs[1]).shape?.[1]
      return inferPacked(node, () => (sizes?.length ? Expr.of(sizes[2]!) : all?.div(3)))
    },
    grad: 'none',
    lower: (node, b) => [packedAttention(node, b)],
  },
  'com.microsoft::PackedMultiHeadAttention': {
    infer: (node) => {
      const value = typeOf(node.inputs[2]).shape
      return inferPacked(node, (q) => (q.length === 4 ? q[1]!.mul(q[3]!) : value?.[1]))
    },
    grad: 'none',
    lower: (node, b) => [packedMultiHead(node, b)],
  },
  /** Outputs: tokens [T, H], offsets [B, S], ends of the sequences [B + 1], the longest length [1]. */
  'com.microsoft::RemovePadding': {
    infer: (node, ctx) => {
      const { dtype, shape } = typeOf(node.inputs[0])
      const count = typeOf(node.inputs[1]).dtype
      const tokens = shape && [ctx.unknownDim(0, 0), shape[2]!]
      return [
        { type: { dtype, shape: tokens } },
        { type: { dtype: 'int32', shape: shape?.slice(0, 2) } },
        { type: { dtype: count, shape: shape && [shape[0]!.add(1)] } },
        { type: { dtype: count, shape: [Expr.one] } },
      ]
    },
    grad: 'none',
    lower: removePadding,
  },
  'com.microsoft::RestorePadding': {
    infer: (node) => {
      const { dtype, shape } = typeOf(node.inputs[0])
      const of = typeOf(node.inputs[1]).shape
      return [{ type: { dtype, shape: shape && of && [...of, shape[1]!] } }]
    },
    grad: 'none',
    lower: (node, b) => [restorePadding(node, b)],
  },
} satisfies Record<string, OpDef>
