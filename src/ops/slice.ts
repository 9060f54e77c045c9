/** Slice, with symbolic bounds, and CenterCropPad. */
import { Expr } from '../expr.js'
import type { Node, Value } from '../ir.js'
import {
  invalid,
  type GradContext,
  type InferContext,
  type Inferred,
  type NdArray,
  type OpDef,
} from '../op.js'
import { elementCount, type Shape } from '../types.js'
import { build, offsetOf } from './support/build.js'
import { stridesOf } from './support/nd.js'
import { positionsOf } from './pad.js'
import {
  bounds,
  constants,
  maxOf,
  minOf,
  moveKnown,
  normalizeAxes,
  shapeOf,
  typeOf,
  vectorLength,
} from './support/shapes.js'

/** What a slice takes of one axis: elements `start`, `start + step`, … */
interface Cut {
  readonly axis: number
  readonly start: Expr
  readonly size: Expr
  readonly step: number
}

/** Bounds beyond this mean "to the end"; exporters write INT32_MAX or INT64_MAX. */
const FAR = 2 ** 31 - 1

/** A bound counted from the front and clamped to [low, high]; undefined where its sign is not known. */
function place(bound: Expr, dim: Expr, low: Expr, high: Expr): Expr | undefined {
  const n = bound.constant
  if (n !== undefined && n >= FAR) return high
  if (n !== undefined && n <= -FAR) return low
  const [least, most] = bounds(bound)
  if (least >= 0) return minOf(bound, high, 1)
  return most <= 0 ? maxOf(dim.add(bound), low, 1) : undefined
}

/** The part of an axis of length `dim` that [start, end) with `step` selects; an axis of unknown length is not empty. */
function cut(axis: number, dim: Expr, start: Expr, end: Expr, step: number): Cut | undefined {
  if (dim.constant === 0) return { axis, start: Expr.zero, size: Expr.zero, step }
  const [low, high] = step > 0 ? [Expr.zero, dim] : [Expr.of(-1), dim.sub(1)]
  const from = place(start, dim, step > 0 ? low : Expr.zero, high)
  const to = place(end, dim, low, high)
  if (!from || !to) return undefined
  const span = step > 0 ? to.sub(from) : from.sub(to)
  const ordered = (step > 0 ? to : from).equals(high) || (step > 0 ? from : to).equals(low)
  return {
    axis,
    start: from,
    size: (ordered ? span : maxOf(span, Expr.zero, 1)).ceilDiv(Math.abs(step)),
    step,
  }
}

/** The axes a Slice cuts, or undefined where they are computed. */
function slicedAxes(node: Node, rank: number): number[] | undefined {
  const given = node.inputs[3]
  const length = vectorLength(node.inputs[1])
  const axes = given
    ? constants(given)
    : length === undefined
      ? undefined
      : Array.from({ length }, (_, i) => i)
  return axes && normalizeAxes(node, axes, rank)
}

/** What is cut from each sliced axis; undefined in place of what is not known before the run. */
function cuts(node: Node, shape: Shape, axes: readonly number[]): (Cut | undefined)[] {
  const [, starts, ends, , steps] = node.inputs
  const strides = steps ? constants(steps) : axes.map(() => 1)
  if (strides?.includes(0)) throw invalid(node, 'steps other than 0', `[${strides}]`)
  return axes.map((axis, i) => {
    const [start, end, step] = [starts?.known?.[i], ends?.known?.[i], strides?.[i]]
    return start && end && step !== undefined ? cut(axis, shape[axis]!, start, end, step) : undefined
  })
}

function inferSlice(node: Node, ctx: InferContext): Inferred[] {
  const { dtype, shape } = typeOf(node.inputs[0])
  if (!shape) return [{ type: { dtype } }]
  const axes = slicedAxes(node, shape.length)
  if (!axes) return [{ type: { dtype, shape: shape.map((_, axis) => ctx.unknownDim(0, axis)) } }]
  const found = cuts(node, shape, axes)
  const dims = [...shape]
  axes.forEach((axis, i) => (dims[axis] = found[i]?.size ?? ctx.unknownDim(0, axis)))
  return [{ type: { dtype, shape: dims }, known: moveKnown(node, evaluateSlice, [0]) }]
}

function evaluateSlice(
  node: Node,
  [x, starts, ends, axes, steps]: readonly (NdArray | undefined)[],
): NdArray[] {
  const chosen = normalizeAxes(node, axes ? [...axes.data] : [...starts!.data.keys()], x!.shape.length)
  const found = chosen.map((axis, i) => {
    const [dim, start, end] = [x!.shape[axis]!, starts!.data[i]!, ends!.data[i]!].map(Expr.of) as [
      Expr,
      Expr,
      Expr,
    ]
    return cut(axis, dim, start, end, steps?.data[i] ?? 1)!
  })
  const shape = [...x!.shape]
  for (const c of found) shape[c.axis] = c.size.constant!
  const strides = stridesOf(x!.shape)
  const first = found.reduce((at, c) => at + c.start.constant! * strides[c.axis]!, 0)
  for (const c of found) strides[c.axis]! *= c.step
  return [build(x!.dtype, shape, (index) => x!.data[first + offsetOf(index, strides)]!)]
}

/** dx = dy padded with zeros to x's dimensions; elements that a step skipped are zeros too. */
function sliceBack(node: Node, g: GradContext): Value {
  const shape = shapeOf(node, node.input(0))
  const axes = slicedAxes(node, shape.length)
  const found = axes && cuts(node, shape, axes)
  if (!found?.every((c) => c !== undefined)) return scatterSlice(node, g)
  const { b, dy } = g
  const dims = [...shapeOf(node, node.output())]
  let gradient = dy()
  const pads = found.map((c) => {
    gradient = dilate(g, gradient, dims, c)
    const last = c.start.add(c.size.sub(1).mul(c.step))
    const before = c.step > 0 ? c.start : last
    return [before, shape[c.axis]!.sub(before).sub(dims[c.axis]!)] as const
  })
  if (pads.every((p) => p.every((n) => n.constant === 0))) return gradient
  const amounts = b.shape([...pads.map((p) => p[0]), ...pads.map((p) => p[1])])
  return b.emit('Pad', [gradient, amounts, null, b.ints(found.map((c) => c.axis))])
}

/** `dy` with |step| − 1 zeros after each element of the axis, in the order of x; `dims` follows. */
function dilate({ b }: GradContext, dy: Value, dims: Expr[], { axis, size, step }: Cut): Value {
  let result = dy
  if (step < 0) result = b.emit('Slice', [result, b.ints([-1]), b.ints([-FAR]), b.ints([axis]), b.ints([-1])])
  const gap = Math.abs(step)
  if (gap === 1) return result
  result = b.reshape(result, dims.toSpliced(axis + 1, 0, Expr.one))
  result = b.emit('Pad', [result, b.ints([0, gap - 1]), null, b.ints([axis + 1])])
  dims[axis] = size.mul(gap)
  return b.reshape(result, dims)
}

/** dx for bounds that only the run knows: the same slice of x's positions says where each element of dy belongs. */
function scatterSlice(node: Node, { b, dy }: GradContext): Value {
  const x = node.input(0)
  const shape = shapeOf(node, x)
  const total = elementCount(shape)
  const all = positionsOf(b, shape)
  const positions = b.emit('Reshape', [b.emit('Slice', [all, ...node.inputs.slice(1)]), b.ints([-1])])
  const zeros = b.full({ dtype: x.type!.dtype, shape: [total] }, 0)
  const flat = b.emit('Reshape', [dy(), b.ints([-1])])
  return b.reshape(b.emit('ScatterElements', [zeros, positions, flat]), shape)
}

function cropAxes(node: Node, rank: number): number[] {
  return normalizeAxes(node, node.ints('axes') ?? Array.from({ length: rank }, (_, i) => i), rank)
}

function inferCenterCropPad(node: Node, ctx: InferContext): Inferred[] {
  const { dtype, shape } = typeOf(node.inputs[0])
  if (!shape) return [{ type: { dtype } }]
  const dims = [...shape]
  cropAxes(node, shape.length).forEach(
    (axis, i) => (dims[axis] = node.inputs[1]?.known?.[i] ?? ctx.unknownDim(0, axis)),
  )
  return [{ type: { dtype, shape: dims } }]
}

function evaluateCenterCropPad(node: Node, [x, target]: readonly (NdArray | undefined)[]): NdArray[] {
  const shape = [...x!.shape]
  cropAxes(node, shape.length).forEach((axis, i) => (shape[axis] = target!.data[i]!))
  const shift = shape.map((d, i) =>
    d < x!.shape[i]! ? Math.floor((x!.shape[i]! - d) / 2) : -Math.floor((d - x!.shape[i]!) / 2),
  )
  const strides = stridesOf(x!.shape)
  const element = (index: readonly number[]) => {
    const source = index.map((j, i) => j + shift[i]!)
    return source.every((j, i) => j >= 0 && j < x!.shape[i]!) ? x!.data[offsetOf(source, strides)]! : 0
  }
  return [build(x!.dtype, shape, element)]
}

/** dx = dy cropped and padded back to x's dimensions: padding and cropping are each other's transpose. */
function centerCropPadBack(node: Node, { b, dy }: GradContext): Value {
  const shape = shapeOf(node, node.input(0))
  const axes = cropAxes(node, shape.length)
  return b.emit('CenterCropPad', [dy(), b.shape(axes.map((a) => shape[a]!))], { axes })
}

/** Definitions of Slice and CenterCropPad. */
export const slice = {
  Slice: {
    infer: inferSlice,
    grad: (node, g) => [() => sliceBack(node, g), null, null, null, null],
    evaluate: evaluateSlice,
  },
  CenterCropPad: {
    infer: inferCenterCropPad,
    grad: (node, g) => [() => centerCropPadBack(node, g), null],
    evaluate: evaluateCenterCropPad,
  },
} satisfies Record<string, OpDef>
