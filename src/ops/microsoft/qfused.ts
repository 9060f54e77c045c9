/** com.microsoft's fused layers with quantised operands, as those on floats after dequantisation. */
import type { Builder } from '../../builder.js'
import { Expr } from '../../expr.js'
import type { Node, Value } from '../../ir.js'
import type { Inferred, OpDef } from '../../op.js'
import { integerProduct } from '../integer-product.js'
import { microsoftAttention } from './attention.js'
import { inferLast } from './convolution.js'
import { microsoftFused, without } from './fused.js'
import { dequantized } from './qlinear.js'
import { shapeOf, typeOf } from '../support/shapes.js'

const MICROSOFT = 'com.microsoft'

function emitted(b: Builder, op: string, inputs: (Value | null)[], node: Node, outputs: number): Node {
  const attributes = Object.fromEntries(node.attributes)
  return b.emitAll(op, inputs, attributes, { domain: MICROSOFT, outputs })[0]!.producer!
}

/** Inputs: x, merged weights, bias, their scales, mask, zero points, past. */
function attention(node: Node, b: Builder): readonly (Value | null)[] {
  const x = dequantized(node, b, 0, { scale: 3, zero: 6 })
  const weights = dequantized(node, b, 1, { scale: 4, zero: 7, axis: 1 })
  const [bias, mask, past] = [2, 5, 8].map((i) => node.inputs[i] ?? null) as [Value, Value, Value]
  const fused = emitted(b, 'Attention', [x, weights, bias, mask, past], node, node.outputs.length)
  return microsoftAttention['com.microsoft::Attention'].lower(fused, b)
}

function inferAttention(node: Node): Inferred[] {
  const [x, weights, past] = [typeOf(node.inputs[0]).shape, typeOf(node.inputs[1]).shape, node.inputs[8]]
  const dtype = typeOf(node.inputs[3]).dtype
  const width = weights?.[1]!.div(3)
  if (!x || !width) return [{ type: { dtype } }, { type: { dtype } }]
  const heads = Expr.of(node.int('num_heads', 1))
  const length = past ? x[1]!.add(shapeOf(node, past)[3]!) : x[1]!
  return [
    { type: { dtype, shape: [x[0]!, x[1]!, width] } },
    { type: { dtype, shape: [Expr.of(2), x[0]!, heads, length, width.div(heads)] } },
  ]
}

/** Inputs: ids, segments; five quantised tables and factors; mask; their scales; their zero points. */
function embedding(node: Node, b: Builder): readonly (Value | null)[] {
  const floats = [2, 3, 4, 5, 6].map((at) =>
    node.inputs[at] ? dequantized(node, b, at, { scale: at + 6, zero: at + 11 }) : null,
  )
  const [ids, segments, mask] = [0, 1, 7].map((i) => node.inputs[i] ?? null) as [Value, Value, Value]
  const fused = emitted(b, 'EmbedLayerNormalization', [ids, segments, ...floats, mask], node, 2)
  const [y, counts] = microsoftFused['com.microsoft::EmbedLayerNormalization'].lower(fused, b)
  return [y!, node.outputs[1] ? counts! : null]
}

function inferEmbedding(node: Node): Inferred[] {
  const ids = typeOf(node.inputs[0]).shape
  const width = typeOf(node.inputs[2]).shape?.[1]
  return [
    { type: { dtype: typeOf(node.inputs[8]).dtype, shape: ids && width && [...ids, width] } },
    { type: { dtype: 'int32', shape: ids && [ids[0]!] } },
  ]
}

/** ONNX's QLinearConv, whose channels may be last. */
function convolution(node: Node, b: Builder): Value[] {
  const isLast = node.int('channels_last', 0) !== 0
  const rank = shapeOf(node, node.input(0)).length
  const inner = Array.from({ length: rank - 2 }, (_, i) => i)
  const x = isLast ? b.transpose(node.input(0), [0, rank - 1, ...inner.map((i) => i + 1)]) : node.input(0)
  const y = b.emit('QLinearConv', [x, ...node.inputs.slice(1)], without(node, 'channels_last'))
  const [result] = integerProduct.QLinearConv.lower(y.producer!, b)
  return [isLast ? b.transpose(result!, [0, ...inner.map((i) => i + 2), 1]) : result!]
}

/** Definitions of the fused layers. */
export const microsoftQFused = {
  'com.microsoft::QAttention': { infer: inferAttention, grad: 'none', lower: attention },
  'com.microsoft::QEmbedLayerNormalization': { infer: inferEmbedding, grad: 'none', lower: embedding },
  'com.microsoft::QLinearConv': {
    infer: (node, ctx) =>
      node.int('channels_last', 0)
        ? inferLast(node, ctx, shapeOf(node, node.input(3))).map(({ type }) => ({
            type: { ...type, dtype: typeOf(node.inputs[7]).dtype },
          }))
        : integerProduct.QLinearConv.infer(node, ctx),
    grad: 'none',
    lower: convolution,
  },
} satisfies Record<string, OpDef>
