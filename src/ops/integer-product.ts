/** Products of quantised operands. Those with float scales are expanded into float products between their quantisations. */
import type { Builder } from '../builder.js'
import type { Node, Value } from '../ir.js'
import type { Inferred, NdArray, OpDef } from '../op.js'
import { evaluateConv, inferConv } from './convolution.js'
import { inferMatMul } from './matmul.js'
import { matmul, reshape, zip } from './support/nd.js'
import { shapeOf, typeOf } from './support/shapes.js'

/** Definitions of quantised products. */
export const integerProduct = {
  /** Y = (A − a)·(B − b) in int32. Inputs: A, B, zero points a (one, or one a row) and b (one, or one a column). */
  MatMulInteger: {
    infer: (node, ctx) => asInt32(inferMatMul(node, ctx, typeOf(node.input(0)), typeOf(node.input(1)))),
    grad: 'none',
    evaluate: (_node, [a, b, azp, bzp]) => {
      const rows = azp?.shape.length === 1 ? reshape(azp, [azp.data.length, 1]) : azp
      return [{ ...matmul(shifted(a!, rows), shifted(b!, bzp)), dtype: 'int32' }]
    },
  },
  /** Y = (W − w) ∗ (X − x) in int32. Inputs: X, W, zero points x (one) and w (one, or one a channel of Y). */
  ConvInteger: {
    infer: (node, ctx) => asInt32(inferConv(node, ctx)),
    grad: 'none',
    evaluate: (node, [x, w, xzp, wzp]) => {
      const channels = wzp && reshape(wzp, [wzp.data.length, ...w!.shape.slice(1).map(() => 1)])
      return evaluateConv(node, [shifted(x!, xzp), shifted(w!, channels)]).map((y) => ({
        ...y,
        dtype: 'int32',
      }))
    },
  },
  /** Y = quantise(dequantise(A)·dequantise(B)). Inputs: A, scale, zero point; the same of B; scale, zero point of Y. */
  QLinearMatMul: {
    infer: (node, ctx) => {
      const product = inferMatMul(node, ctx, typeOf(node.input(0)), typeOf(node.input(3)))
      return quantized(node, product, 7)
    },
    grad: 'none',
    lower: (node, b) => {
      const rank = (i: number) => shapeOf(node, node.input(i)).length
      const left = dequantize(node, b, 0, rank(0) - 2)
      const right = dequantize(node, b, 3, rank(3) - 1)
      return [b.emit('QuantizeLinear', [b.matmul(left, right), node.input(6), node.input(7)])]
    },
  },
  /** Y = quantise(dequantise(W) ∗ dequantise(X) + B·xs·ws). Inputs: X, W, Y as of QLinearMatMul; B (int32, optional). */
  QLinearConv: {
    infer: (node, ctx) => quantized(node, inferConv(node, ctx, 0, 3), 7),
    grad: 'none',
    lower: (node, b) => {
      const operands = [dequantize(node, b, 0, 1), dequantize(node, b, 3, 0)]
      const bias = node.inputs[8]
      if (bias) {
        const scale = b.mul(node.input(1), node.input(4))
        operands.push(b.mul(b.cast(bias, scale.type!.dtype), scale))
      }
      const y = b.emit('Conv', operands, Object.fromEntries(node.attributes))
      return [b.emit('QuantizeLinear', [y, node.input(6), node.input(7)])]
    },
  },
} satisfies Record<string, OpDef>

function asInt32(results: readonly Inferred[]): Inferred[] {
  return results.map((r) => ({ type: { ...r.type, dtype: 'int32' } }))
}

function quantized(node: Node, results: readonly Inferred[], zeroPoint: number): Inferred[] {
  return results.map((r) => ({ type: { ...r.type, dtype: typeOf(node.input(zeroPoint)).dtype } }))
}

function shifted(x: NdArray, zero: NdArray | undefined): NdArray {
  return zero ? zip([x, zero], (v, z) => v - z) : x
}

/** The operand at `at`, whose scale and zero point follow it and may be one for each index of `axis`. */
function dequantize(node: Node, b: Builder, at: number, axis: number): Value {
  const [x, scale, zero] = [node.input(at), node.input(at + 1), node.input(at + 2)]
  return b.emit('DequantizeLinear', [x, scale, zero], { axis })
}
