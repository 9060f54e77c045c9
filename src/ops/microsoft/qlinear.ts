/**
 * com.microsoft operators on quantised tensors, as the operator on floats between its quantisations. Gradients pass straight
 * through those; quantised weights are frozen.
 */
import type { Builder } from '../../builder.js'
import { Expr } from '../../expr.js'
import type { Node, Value } from '../../ir.js'
import { invalid, type Inferred, type InferContext, type OpDef } from '../../op.js'
import { DOMAIN } from '../dropbp.js'
import { without } from './fused.js'
import { normalizeAxes, shapeOf, typeOf } from '../support/shapes.js'
import { windowCount, windowsOf } from '../support/windows.js'

const attributesOf = (node: Node) => Object.fromEntries(node.attributes)

/** Operand `at` as floats; its scale and zero point (which may be absent) follow it unless said. */
export function dequantized(
  node: Node,
  b: Builder,
  at: number,
  { scale = at + 1, zero = at + 2, axis = 0 } = {},
): Value {
  const [x, s, z] = [node.input(at), node.input(scale), node.inputs[zero]]
  const single = (v: Value): Value =>
    v.type?.shape?.length === 1 && v.type.shape[0]!.constant === 1 ? b.reshape(v, []) : v
  return b.emit('DequantizeLinear', [x, single(s), z ? single(z) : null], { axis })
}

function quantized(node: Node, b: Builder, y: Value, scale: number): Value {
  return b.emit('QuantizeLinear', [y, node.input(scale), node.inputs[scale + 1] ?? null])
}

/** A unary operator: x, its scale and zero point, those of y. */
function unary(make: (node: Node, b: Builder, x: Value) => Value, infer?: OpDef['infer']): OpDef {
  return {
    infer: infer ?? ((node) => [{ type: typeOf(node.inputs[0]) }]),
    grad: 'none',
    lower: (node, b) => [quantized(node, b, make(node, b, dequantized(node, b, 0)), 3)],
  }
}

/** A binary operator: a, its scale and zero point, the same of b, those of c. */
function binary(op: 'Add' | 'Mul'): OpDef {
  return {
    infer: (node) => [{ type: broadcastType(node, [0, 3]) }],
    grad: 'none',
    lower: (node, b) => {
      const y = b.emit(op, [dequantized(node, b, 0), dequantized(node, b, 3)])
      return [quantized(node, b, y, 6)]
    },
  }
}

function broadcastType(node: Node, operands: readonly number[]) {
  const types = operands.map((i) => typeOf(node.inputs[i]))
  const rank = Math.max(...types.map((t) => t.shape?.length ?? 0))
  const shape = Array.from({ length: rank }, (_, k) => {
    const dims = types.map((t) => t.shape?.at(k - rank) ?? Expr.one)
    return dims.find((d) => d.constant !== 1) ?? Expr.one
  })
  return { dtype: types[0]!.dtype, shape: types.every((t) => t.shape) ? shape : undefined }
}

/** A pooling over the spatial axes, which are last or, with channels_last, before the last. */
function pooled(node: Node, b: Builder, x: Value, op: string): Value {
  const isLast = node.int('channels_last', 0) !== 0
  const rank = shapeOf(node, x).length
  const spatial = Array.from({ length: rank - 2 }, (_, i) => i)
  const first = isLast ? b.transpose(x, [0, rank - 1, ...spatial.map((i) => i + 1)]) : x
  const y = b.emit(op, [first], without(node, 'channels_last'))
  return isLast ? b.transpose(y, [0, ...spatial.map((i) => i + 2), 1]) : y
}

function inferWindows(node: Node, ctx: InferContext): Inferred[] {
  const { dtype, shape } = typeOf(node.inputs[0])
  if (!shape) return [{ type: { dtype } }]
  const first = node.int('channels_last', 0) ? 1 : 2
  const spatial = shape.slice(first, first + shape.length - 2)
  const windows = windowsOf(node, spatial, node.ints('kernel_shape')!.map(Expr.of))
  const counts = spatial.map((d, i) => windowCount(windows, i, d) ?? ctx.unknownDim(0, i + first))
  return [{ type: { dtype, shape: shape.toSpliced(first, counts.length, ...counts) } }]
}

function inferGlobal(node: Node): Inferred[] {
  const { dtype, shape } = typeOf(node.inputs[0])
  const channels = node.int('channels_last', 0) ? (shape?.length ?? 0) - 1 : 1
  return [{ type: { dtype, shape: shape?.map((d, i) => (i === 0 || i === channels ? d : Expr.one)) } }]
}

function meanForm(node: Node) {
  const rank = typeOf(node.inputs[0]).shape?.length ?? 0
  const axes = node.ints('axes') ?? [...Array(rank).keys()]
  return { axes: normalizeAxes(node, axes, rank), keepdims: node.int('keepdims', 1) }
}

function inferMean(node: Node): Inferred[] {
  const { dtype, shape } = typeOf(node.inputs[0])
  const { axes, keepdims } = meanForm(node)
  const kept = shape?.map((d, i) => (axes.includes(i) ? Expr.one : d))
  return [{ type: { dtype, shape: keepdims ? kept : shape?.filter((_, i) => !axes.includes(i)) } }]
}

/** x, scale and zero point of every part, after those of the result. */
function concatParts(node: Node): number[] {
  return Array.from({ length: (node.inputs.length - 2) / 3 }, (_, i) => 2 + 3 * i)
}

function inferConcat(node: Node): Inferred[] {
  const parts = concatParts(node).map((i) => typeOf(node.inputs[i]))
  const first = parts[0]!
  const axis = first.shape && (node.int('axis', 0) + first.shape.length) % first.shape.length
  const total = axis === undefined ? undefined : parts.map((p) => p.shape![axis]!).reduce((n, d) => n.add(d))
  return [{ type: { dtype: first.dtype, shape: first.shape?.with(axis!, total!) } }]
}

/** Float x on the grid that the runtime chooses from its least and greatest element; gradients pass straight through. */
function onDynamicGrid(b: Builder, x: Value): Value {
  const [, scale, zero] = b.emitAll('DynamicQuantizeLinear', [x], {}, { outputs: 3 })
  return b.emit('QuantizeDequantize', [x, scale!, zero!], {}, { domain: DOMAIN })
}

function productType(node: Node, right: number, dtype = typeOf(node.inputs[0]).dtype): Inferred[] {
  const [x, w] = [typeOf(node.inputs[0]).shape, typeOf(node.inputs[right]).shape]
  return [{ type: { dtype, shape: x && w && x.with(-1, w.at(-1)!) } }]
}

const plus = (b: Builder, y: Value, bias: Value | null | undefined): Value => (bias ? b.add(y, bias) : y)

/** α·A·B + C, the bias on the grid of the product. Inputs: A, scale, zero; B, scale, zero; C; scale, zero of the result. */
function gemm(node: Node, b: Builder): Value {
  const right = dequantized(node, b, 3, { axis: node.int('transB', 0) ? 0 : 1 })
  const alpha = node.float('alpha', 1)
  const scale = b.scale(b.mul(node.input(1), node.input(4)), alpha)
  const bias = node.inputs[6] && b.mul(b.cast(node.inputs[6], scale.type!.dtype), scale)
  const y = b.emit('Gemm', [dequantized(node, b, 0), right, bias ?? null], attributesOf(node))
  return node.inputs[7] ? quantized(node, b, y, 7) : y
}

function inferGemm(node: Node): Inferred[] {
  const [x, w] = [typeOf(node.inputs[0]).shape, typeOf(node.inputs[3]).shape]
  const rows = x?.[node.int('transA', 0) ? 1 : 0]
  const columns = w?.[node.int('transB', 0) ? 0 : 1]
  const dtype = node.inputs[8] ? typeOf(node.inputs[8]).dtype : typeOf(node.inputs[1]).dtype
  return [{ type: { dtype, shape: rows && columns && [rows, columns] } }]
}

/** Definitions of the operators on quantised tensors. */
export const microsoftQLinear = {
  'com.microsoft::QLinearAdd': binary('Add'),
  'com.microsoft::QLinearMul': binary('Mul'),
  'com.microsoft::QLinearSigmoid': unary((_node, b, x) => b.emit('Sigmoid', [x])),
  'com.microsoft::QLinearLeakyRelu': unary((node, b, x) => b.emit('LeakyRelu', [x], attributesOf(node))),
  'com.microsoft::QLinearSoftmax': unary((node, b, x) => {
    const rank = shapeOf(node, x).length
    const axis = node.int('axis', -1)
    if (node.int('opset', 13) < 13 && axis !== rank - 1 && axis !== -1)
      throw invalid(node, 'a softmax over the last axis, or of opset 13', `axis ${axis}`)
    return b.emit('Softmax', [x], { axis })
  }),
  'com.microsoft::QLinearAveragePool': unary((node, b, x) => pooled(node, b, x, 'AveragePool'), inferWindows),
  'com.microsoft::QLinearGlobalAveragePool': unary(
    (node, b, x) => pooled(node, b, x, 'GlobalAveragePool'),
    inferGlobal,
  ),
  'com.microsoft::QLinearReduceMean': unary((node, b, x) => {
    const { axes, keepdims } = meanForm(node)
    return b.emit('ReduceMean', [x, b.ints(axes)], { keepdims })
  }, inferMean),
  /** Inputs: scale and zero point of the result, then x, scale and zero point of every part. */
  'com.microsoft::QLinearConcat': {
    infer: inferConcat,
    grad: 'none',
    lower: (node, b) => {
      const parts = concatParts(node).map((i) => dequantized(node, b, i))
      return [quantized(node, b, b.emit('Concat', parts, { axis: node.int('axis', 0) }), 0)]
    },
  },
  /** Inputs: condition; x, scale, zero; y, scale, zero; scale, zero of the result. */
  'com.microsoft::QLinearWhere': {
    infer: (node) => [{ type: { ...broadcastType(node, [1, 0, 4]) } }],
    grad: 'none',
    lower: (node, b) => {
      const y = b.emit('Where', [node.input(0), dequantized(node, b, 1), dequantized(node, b, 4)])
      return [quantized(node, b, y, 7)]
    },
  },
  'com.microsoft::QGemm': { infer: inferGemm, grad: 'none', lower: (node, b) => [gemm(node, b)] },
  /** Inputs: float a, quantised w, its scale and zero point, bias. */
  'com.microsoft::DynamicQuantizeMatMul': {
    infer: (node) => productType(node, 1),
    grad: 'none',
    lower: (node, b) => {
      const w = dequantized(node, b, 1, { axis: 1 })
      return [plus(b, b.matmul(onDynamicGrid(b, node.input(0)), w), node.inputs[4])]
    },
  },
  /** Inputs: quantised a and w, their scales, their zero points, bias. */
  'com.microsoft::MatMulIntegerToFloat': {
    infer: (node) => productType(node, 1, typeOf(node.inputs[2]).dtype),
    grad: 'none',
    lower: (node, b) => {
      const a = dequantized(node, b, 0, { scale: 2, zero: 4, axis: shapeOf(node, node.input(0)).length - 2 })
      const w = dequantized(node, b, 1, { scale: 3, zero: 5, axis: 1 })
      return [plus(b, b.matmul(a, w), node.inputs[6])]
    },
  },
} satisfies Record<string, OpDef>
