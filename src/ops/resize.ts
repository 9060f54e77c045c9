/** Resize: every axis is a product with a matrix of interpolation weights, which also gives the gradient. */
import { float, type Builder } from '../builder.js'
import { CompileError } from '../errors.js'
import { Expr } from '../expr.js'
import type { Node, Value } from '../ir.js'
import type { GradContext, InferContext, Inferred, NdArray, OpDef } from '../op.js'
import { staticShape, type Shape } from '../types.js'
import { interpolation, type AxisForm } from './support/interpolation.js'
import * as n from './support/nd.js'
import { constantNumbers, normalizeAxes, shapeOf, typeOf } from './support/shapes.js'

/** What is given of the resized axes: factors, or sizes. */
interface Request {
  readonly axes: readonly number[]
  readonly scales?: readonly number[] | undefined
  readonly sizes?: readonly (Expr | undefined)[] | undefined
}

function requestOf(node: Node, rank: number): Request {
  const axes = normalizeAxes(node, node.ints('axes') ?? Array.from({ length: rank }, (_, i) => i), rank)
  const sizes = node.inputs[3]
  if (sizes) return { axes, sizes: sizes.known ?? axes.map(() => undefined) }
  const scales = constantNumbers(node.inputs[2])
  return { axes, scales: scales?.length ? scales : undefined }
}

function inferResize(node: Node, ctx: InferContext): Inferred[] {
  const { dtype, shape } = typeOf(node.inputs[0])
  if (!shape) return [{ type: { dtype } }]
  const { axes, scales, sizes } = requestOf(node, shape.length)
  const dims = [...shape]
  const fitted = sizes && isStretched(node) ? sizes : fittedSizes(node, shape, axes, sizes)
  axes.forEach((axis, i) => {
    dims[axis] = fitted?.[i] ?? (scales && scaled(shape[axis]!, scales[i]!)) ?? ctx.unknownDim(0, axis)
  })
  return [{ type: { dtype, shape: dims } }]
}

function isStretched(node: Node): boolean {
  return node.string('keep_aspect_ratio_policy', 'stretch') === 'stretch'
}

/** `floor(dim · scale)`. */
function scaled(dim: Expr, scale: number): Expr | undefined {
  if (dim.constant !== undefined) return Expr.of(Math.floor(dim.constant * scale))
  if (Number.isInteger(scale)) return dim.mul(scale)
  return Number.isInteger(1 / scale) ? dim.div(1 / scale) : undefined
}

/** Sizes of a common factor that is no larger, or no smaller, than those asked for. */
function fittedSizes(
  node: Node,
  shape: Shape,
  axes: readonly number[],
  sizes: Request['sizes'],
): Expr[] | undefined {
  const wanted = sizes?.map((s) => s?.constant)
  const from = axes.map((a) => shape[a]!.constant)
  if (!wanted?.every((s) => s !== undefined) || !from.every((d) => d !== undefined)) return undefined
  const factor = commonFactor(node, wanted as number[], from as number[])
  return from.map((d) => Expr.of(Math.floor(d! * factor + 0.5)))
}

function commonFactor(node: Node, wanted: readonly number[], from: readonly number[]): number {
  const factors = wanted.map((s, i) => s / from[i]!)
  return node.string('keep_aspect_ratio_policy', 'stretch') === 'not_larger'
    ? Math.min(...factors)
    : Math.max(...factors)
}

/** The axes that change, each with its matrix of weights [out, in]. */
function matrices(
  node: Node,
  from: readonly number[],
  to: readonly number[],
  request: Request,
  roi?: readonly number[],
) {
  const { axes, scales, sizes } = request
  const wanted = sizes?.map((s) => s?.constant ?? 0)
  const factor =
    wanted && !isStretched(node)
      ? commonFactor(
          node,
          wanted,
          axes.map((a) => from[a]!),
        )
      : undefined
  return axes.flatMap((axis, i) => {
    const scale = scales?.[i] ?? factor ?? to[axis]! / from[axis]!
    const form: AxisForm = {
      input: from[axis]!,
      output: to[axis]!,
      scale,
      roi: roi && [roi[i]!, roi[axes.length + i]!],
    }
    if (scale === 1 && !roi?.length) return []
    return [{ axis, weights: interpolation(node, form), rows: to[axis]!, columns: from[axis]! }]
  })
}

/** x with one axis multiplied by [rows, columns] weights. */
function applyAxis(x: NdArray, axis: number, weights: Float64Array, rows: number, columns: number): NdArray {
  const rank = x.shape.length
  const last = [...Array(rank).keys()].filter((i) => i !== axis).concat(axis)
  const product = n.matmul(n.transpose(x, last), n.transpose(n.nd(x.dtype, [rows, columns], weights), [1, 0]))
  return n.transpose(
    product,
    [...Array(rank).keys()].map((i) => last.indexOf(i)),
  )
}

function evaluateResize(node: Node, [x, roi, scales, sizes]: readonly (NdArray | undefined)[]): NdArray[] {
  const axes = normalizeAxes(node, node.ints('axes') ?? [...x!.shape.keys()], x!.shape.length)
  const wanted = sizes && [...sizes.data]
  const request = { axes, scales: wanted ? undefined : [...scales!.data], sizes: wanted?.map(Expr.of) }
  const shape = [...x!.shape]
  const fitted =
    wanted && !isStretched(node) ? fittedSizes(node, shape.map(Expr.of), axes, request.sizes) : request.sizes
  axes.forEach(
    (axis, i) => (shape[axis] = fitted?.[i]?.constant ?? Math.floor(shape[axis]! * request.scales![i]!)),
  )
  const parts = matrices(node, x!.shape, shape, request, crops(node) && roi ? [...roi.data] : undefined)
  const inside = parts.reduce((y, p) => applyAxis(y, p.axis, p.weights, p.rows, p.columns), x!)
  return [crops(node) ? extrapolated(node, inside, parts) : inside]
}

/** Puts the extrapolation value where a coordinate lay outside: there a row of weights is empty. */
function extrapolated(node: Node, y: NdArray, parts: ReturnType<typeof matrices>): NdArray {
  const value = node.float('extrapolation_value', 0)
  const ones = parts.reduce(
    (mask, p) => applyAxis(mask, p.axis, p.weights, p.rows, p.columns),
    n.nd(
      y.dtype,
      y.shape.map((d, axis) => parts.find((p) => p.axis === axis)?.columns ?? d),
      1,
    ),
  )
  return n.zip([y, ones], (v, inside) => (inside === 0 ? value : v))
}

/**
 * dx = dy with every resized axis multiplied by its transposed weights. The weights of an axis are what the same Resize
 * makes of the identity matrix, so that they are right in every mode and for sizes that only the run knows.
 */
function resizeBack(node: Node, { b, dy }: GradContext): Value {
  const [from, to] = [shapeOf(node, node.input(0)), shapeOf(node, node.output())]
  const request = requestOf(node, from.length)
  return request.axes.reduce((gradient, axis, i) => {
    const unchanged = request.scales ? request.scales[i] === 1 : from[axis]!.equals(to[axis]!)
    if (unchanged && !crops(node)) return gradient
    const rank = from.length
    const last = [...Array(rank).keys()].filter((a) => a !== axis).concat(axis)
    const product = b.matmul(
      b.transpose(gradient, last),
      b.transpose(weightsOf(node, b, i, from[axis]!, to[axis]!), [1, 0]),
    )
    return b.transpose(
      product,
      last.map((_, a) => last.indexOf(a)),
    )
  }, dy())
}

/** The weights [in, out] of the `i`th resized axis. */
function weightsOf(node: Node, b: Builder, i: number, from: Expr, to: Expr): Value {
  const { dtype } = node.input(0).type!
  if (node.inputs[3] && !isStretched(node)) return fittedWeights(node, b, i)
  const identity = b.emit('EyeLike', [b.full({ dtype, shape: [from, from] }, 0)])
  const element = (x: Value | null | undefined, at: number) =>
    x ? b.emit('Slice', [x, b.ints([at]), b.ints([at + 1]), b.ints([0])]) : null
  const [roi, scales, sizes] = [node.inputs[1], node.inputs[2], node.inputs[3]]
  const count = scales?.type?.shape?.[0]?.constant ?? sizes?.type?.shape?.[0]?.constant ?? 0
  const region =
    roi && crops(node) ? b.emit('Concat', [element(roi, i)!, element(roi, count + i)!], { axis: 0 }) : null
  const inputs = sizes ? [identity, region, null, b.dim(to)] : [identity, region, element(scales, i)]
  return b.emit('Resize', inputs, {
    ...Object.fromEntries(node.attributes),
    axes: [1],
    extrapolation_value: float(0),
  })
}

/** The same where all axes are scaled by one factor, which takes their sizes together. */
function fittedWeights(node: Node, b: Builder, i: number): Value {
  const { dtype, shape } = node.input(0).type!
  const [from, to] = [staticShape({ dtype, shape }), staticShape(node.output().type)]
  const request = requestOf(node, shape!.length)
  if (!from || !to || !request.sizes?.every((s) => s?.constant !== undefined)) {
    throw new CompileError(
      'no-gradient',
      `Resize (node "${node.name}") keeps the aspect ratio of sizes that only the run knows, and so has no gradient; ` +
        'give it scales, or make its sizes constant',
    )
  }
  const axis = request.axes[i]!
  const part = matrices(node, from, to, request).find((p) => p.axis === axis)
  const identity = () =>
    Array.from({ length: from[axis]! ** 2 }, (_, k) => (k % (from[axis]! + 1) === 0 ? 1 : 0))
  const weights = b.constant(dtype, [to[axis]!, from[axis]!], part?.weights ?? identity())
  return b.transpose(weights, [1, 0])
}

function crops(node: Node): boolean {
  return node.string('coordinate_transformation_mode', 'half_pixel') === 'tf_crop_and_resize'
}

/** Definitions of Resize and its deprecated predecessor. */
export const resize = {
  Resize: {
    infer: inferResize,
    grad: (node, g) => [() => resizeBack(node, g), null, null, null],
    evaluate: evaluateResize,
  },
  /** Resize by `asymmetric` coordinates, nearest by `floor`. Inputs: x, scales. */
  Upsample: {
    infer: (node, ctx) => {
      const { dtype, shape } = typeOf(node.inputs[0])
      const scales = constantNumbers(node.inputs[1])
      return [
        {
          type: {
            dtype,
            shape: shape?.map((d, i) => (scales && scaled(d, scales[i]!)) ?? ctx.unknownDim(0, i)),
          },
        },
      ]
    },
    grad: 'none',
    lower: (node, b) => [
      b.emit('Resize', [node.input(0), null, node.input(1)], {
        mode: node.string('mode', 'nearest'),
        coordinate_transformation_mode: 'asymmetric',
        nearest_mode: 'floor',
      }),
    ],
  },
} satisfies Record<string, OpDef>
