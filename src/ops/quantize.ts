/** Linear quantisation: QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear, and the two together as they are trained. */
import { dtypeOf, type Builder } from '../builder.js'
import { Expr } from '../expr.js'
import type { Node, Value } from '../ir.js'
import type { GradContext, Inferred, NdArray, OpDef } from '../op.js'
import type { DType, Shape } from '../types.js'
import { build, offsetOf } from './support/build.js'
import { DOMAIN } from './dropbp.js'
import { compare, where } from './support/emit.js'
import { stridesOf } from './support/nd.js'
import { refused } from './support/refused.js'
import { normalizeAxis, shapeOf, typeOf } from './support/shapes.js'

/** Smallest and largest value of the integer types that quantisation uses. */
const LIMITS: Partial<Record<DType, readonly [number, number]>> = {
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
  int32: [-(2 ** 31), 2 ** 31 - 1],
}

/** The type a QuantizeLinear quantises to: that of its zero point, or its attribute, or uint8. */
function quantizedType(node: Node): DType {
  if (node.inputs[2]) return typeOf(node.inputs[2]).dtype
  const code = node.int('output_dtype', 0)
  return code ? dtypeOf(code) : 'uint8'
}

/** The type a DequantizeLinear gives: its attribute's, or that of its scale. */
function floatType(node: Node): DType {
  const code = node.int('output_dtype', 0)
  return code ? dtypeOf(code) : typeOf(node.inputs[1]).dtype
}

/** Which element of a scale (or zero point) belongs to an element of x: one for all, one per index of an axis, or per block. */
function parameterOf(node: Node, p: NdArray, rank: number): (index: readonly number[]) => number {
  if (p.shape.length === 0 || p.data.length === 1) return () => p.data[0]!
  const axis = normalizeAxis(node, node.int('axis', 1), rank)
  const block = node.int('block_size', 0)
  if (block === 0) return (index) => p.data[index[axis]!]!
  const strides = stridesOf(p.shape)
  return (index) => p.data[offsetOf(index.with(axis, Math.floor(index[axis]! / block)), strides)]!
}

/** Rounds halves to even. */
function roundEven(x: number): number {
  const below = Math.floor(x)
  const rest = x - below
  return rest === 0.5 ? below + Math.abs(below % 2) : Math.round(x)
}

/** The level of x on a grid: the quotient is rounded to float32 first, as runtimes do, which decides halves. */
function level(x: number, scale: number): number {
  return roundEven(Math.fround(x / scale))
}

function saturate(x: number, dtype: DType): number {
  const [low, high] = LIMITS[dtype]!
  return Math.min(Math.max(x, low), high)
}

function evaluateQuantize(node: Node, [x, scale, zero]: readonly (NdArray | undefined)[]): NdArray[] {
  const rank = x!.shape.length
  const dtype = zero?.dtype ?? quantizedType(node)
  const [s, z] = [parameterOf(node, scale!, rank), zero ? parameterOf(node, zero, rank) : () => 0]
  return [build(dtype, x!.shape, (i, flat) => saturate(level(x!.data[flat]!, s(i)) + z(i), dtype))]
}

function evaluateDequantize(node: Node, [x, scale, zero]: readonly (NdArray | undefined)[]): NdArray[] {
  const rank = x!.shape.length
  const [s, z] = [parameterOf(node, scale!, rank), zero ? parameterOf(node, zero, rank) : () => 0]
  return [build(floatType(node), x!.shape, (i, flat) => (x!.data[flat]! - z(i)) * s(i))]
}

/** A scale or zero point in a shape that broadcasts against x, blocks repeated. */
function spread(node: Node, b: Builder, p: Value, shape: Shape): Value {
  const own = shapeOf(node, p)
  if (own.length === 0) return p
  const axis = normalizeAxis(node, node.int('axis', 1), shape.length)
  const block = node.int('block_size', 0)
  if (block === 0)
    return b.reshape(
      p,
      shape.map((d, i) => (i === axis ? d : Expr.one)),
    )
  const open = b.reshape(p, own.toSpliced(axis + 1, 0, Expr.one))
  const repeated = b.emit('Expand', [open, b.shape(own.toSpliced(axis + 1, 0, Expr.of(block)))])
  const whole = b.reshape(repeated, own.with(axis, own[axis]!.mul(block)))
  return b.emit('Slice', [whole, b.ints([0]), b.dim(shape[axis]!), b.ints([axis])])
}

/** dscale = Σ dy·(x − zero), summed over what each scale is for. */
function scaleBack(node: Node, { b, dy }: GradContext): Value {
  const [x, scale, zero] = [node.input(0), node.input(1), node.inputs[2]]
  const [shape, own, dtype] = [shapeOf(node, x), shapeOf(node, scale), dy().type!.dtype]
  const steps = zero ? b.sub(b.cast(x, dtype), b.cast(spread(node, b, zero, shape), dtype)) : b.cast(x, dtype)
  const product = b.cast(b.mul(dy(), steps), scale.type!.dtype)
  if (own.length === 0) return b.sum(product, [...shape.keys()], false)
  const axis = normalizeAxis(node, node.int('axis', 1), shape.length)
  const block = node.int('block_size', 0)
  if (block === 0)
    return b.reshape(
      b.sum(
        product,
        [...shape.keys()].filter((i) => i !== axis),
        false,
      ),
      own,
    )
  const missing = own[axis]!.mul(block).sub(shape[axis]!)
  const padded = b.emit('Pad', [product, b.shape([Expr.zero, missing]), null, b.ints([axis])])
  const blocks = b.reshape(padded, own.toSpliced(axis + 1, 0, Expr.of(block)))
  return b.sum(blocks, [axis + 1], false)
}

/** dx = dy where x was not saturated: the rounding is taken as the identity (straight-through). */
function straightThrough(node: Node, { b, dy }: GradContext): Value {
  const [x, scale, zero] = [node.input(0), node.input(1), node.inputs[2]]
  const shape = shapeOf(node, x)
  const [low, high] = LIMITS[quantizedType(node)]!
  const quotient = b.div(x, b.cast(spread(node, b, scale, shape), x.type!.dtype))
  const shifted = zero ? b.add(quotient, b.cast(spread(node, b, zero, shape), x.type!.dtype)) : quotient
  const inside = b.emit('And', [
    compare(b, 'GreaterOrEqual', shifted, low - 0.5),
    compare(b, 'LessOrEqual', shifted, high + 0.5),
  ])
  return where(b, inside, dy())
}

function evaluateDynamic(_node: Node, [x]: readonly (NdArray | undefined)[]): NdArray[] {
  const [low, high] = [Math.min(0, ...x!.data), Math.max(0, ...x!.data)]
  const scale = (high - low) / 255
  const zero = saturate(level(-low, scale), 'uint8')
  const levels = build('uint8', x!.shape, (_, flat) => saturate(level(x!.data[flat]!, scale) + zero, 'uint8'))
  const scalar = (dtype: DType, value: number): NdArray => ({
    dtype,
    shape: [],
    data: Float64Array.of(value),
  })
  return [levels, scalar('float32', scale), scalar('uint8', zero)]
}

/** Attributes that both halves of a quantisation share. */
function granularity(node: Node) {
  return { axis: node.int('axis', 1), block_size: node.int('block_size', 0) || undefined }
}

/** Definitions of linear quantisation. */
export const quantize = {
  QuantizeLinear: {
    infer: (node) => [{ type: { dtype: quantizedType(node), shape: typeOf(node.inputs[0]).shape } }],
    grad: 'none',
    evaluate: evaluateQuantize,
  },
  /** y = (x − zero)·scale. Frozen integer weights have no gradient; their scales have. */
  DequantizeLinear: {
    infer: (node) => [{ type: { dtype: floatType(node), shape: typeOf(node.inputs[0]).shape } }],
    grad: (node, g) => [null, () => scaleBack(node, g), null],
    evaluate: evaluateDequantize,
  },
  DynamicQuantizeLinear: {
    infer: (node): Inferred[] => [
      { type: { dtype: 'uint8', shape: typeOf(node.inputs[0]).shape } },
      { type: { dtype: 'float32', shape: [] } },
      { type: { dtype: 'uint8', shape: [] } },
    ],
    grad: refused('compile the model as it was before it was quantised'),
    evaluate: evaluateDynamic,
  },
  /** y = Dequantize(Quantize(x)): an activation on the grid of its quantisation. Inputs: x, scale, zero point. */
  [`${DOMAIN}::QuantizeDequantize`]: {
    infer: (node) => [{ type: typeOf(node.inputs[0]) }],
    grad: (node, g) => [() => straightThrough(node, g), null, null],
    evaluate: (node, inputs) => {
      const [levels] = evaluateQuantize(node, inputs)
      const [y] = evaluateDequantize(node, [levels, inputs[1], inputs[2]])
      return [{ ...y!, dtype: inputs[0]!.dtype }]
    },
    lower: (node, b) => {
      const { output_dtype } = Object.fromEntries(node.attributes)
      const parameters = [node.input(1), node.inputs[2] ?? null]
      const levels = b.emit('QuantizeLinear', [node.input(0), ...parameters], {
        ...granularity(node),
        output_dtype,
      })
      return [b.emit('DequantizeLinear', [levels, ...parameters], granularity(node))]
    },
  },
} satisfies Record<string, OpDef>
