/** Joining and cutting along one axis: Concat and Split. */
import { Expr } from '../expr.js'
import type { Node } from '../ir.js'
import {
  invalid,
  type GradContext,
  type InferContext,
  type Inferred,
  type NdArray,
  type OpDef,
  type Thunk,
} from '../op.js'
import { staticShape, type Shape } from '../types.js'
import { build, offsetOf } from './support/build.js'
import { broadcastDims } from './support/broadcast.js'
import { stridesOf } from './support/nd.js'
import { moveKnown, normalizeAxis, shapeOf, typeOf } from './support/shapes.js'

function inferConcat(node: Node, ctx: InferContext): Inferred[] {
  const dtype = typeOf(node.inputs[0]).dtype
  const shapes = node.inputs.map((v) => typeOf(v).shape)
  const known = moveKnown(node, evaluateConcat, [...node.inputs.keys()])
  const rank = shapes.find((s) => s)?.length
  if (rank === undefined) return [{ type: { dtype } }]
  const axis = normalizeAxis(node, node.int('axis', 0), rank)
  const found = shapes.filter((s): s is Shape => s !== undefined)
  if (found.some((s) => s.length !== rank))
    throw invalid(node, `operands of rank ${rank}`, found.map((s) => `[${s}]`).join(', '))
  const joined =
    found.length === shapes.length
      ? found.reduce((n, s) => n.add(s[axis]!), Expr.zero)
      : ctx.unknownDim(0, axis)
  const shape = Array.from({ length: rank }, (_, i) =>
    i === axis ? joined : agreed(found.map((s) => s[i]!)),
  )
  return [{ type: { dtype, shape }, known }]
}

/** The dimension that all operands must share: a constant where one is. */
function agreed(dims: readonly Expr[]): Expr {
  const fixed = dims.filter((d) => d.constant !== undefined)
  if (new Set(fixed.map((d) => d.constant)).size > 1)
    throw new Error(`dimensions ${fixed.join(' and ')} differ`)
  return fixed[0] ?? broadcastDims(dims) ?? dims[0]!
}

function evaluateConcat(node: Node, inputs: readonly (NdArray | undefined)[]): NdArray[] {
  const parts = inputs.map((x) => x!)
  const first = parts[0]!
  const axis = normalizeAxis(node, node.int('axis', 0), first.shape.length)
  const shape = first.shape.with(
    axis,
    parts.reduce((n, x) => n + x.shape[axis]!, 0),
  )
  const owner = parts.flatMap((x, i) => Array.from({ length: x.shape[axis]! }, (_, j) => [i, j] as const))
  const strides = parts.map((x) => stridesOf(x.shape))
  const element = (index: readonly number[]) => {
    const [i, j] = owner[index[axis]!]!
    return parts[i]!.data[offsetOf(index.with(axis, j), strides[i]!)]!
  }
  return [build(first.dtype, shape, element)]
}

/** dx_i = the slice of dy that x_i fills. */
function concatBack(node: Node, { b, dy }: GradContext): Thunk[] {
  const shape = shapeOf(node, node.output())
  const axis = normalizeAxis(node, node.int('axis', 0), shape.length)
  let end = Expr.zero
  return node.inputs.map((x) => {
    const start = end
    end = start.add(shapeOf(node, x!)[axis]!)
    const [from, to] = [start, end]
    return () =>
      from.constant === 0 && to.equals(shape[axis]!)
        ? dy()
        : b.emit('Slice', [dy(), b.dim(from), b.dim(to), b.ints([axis])])
  })
}

/** The sizes of a Split's outputs, where they can be told. */
function splitSizes(node: Node, dim: Expr): readonly Expr[] | undefined {
  const given = node.inputs[1]
  if (given) return given.known
  const parts = node.outputs.length
  const chunk = dim.ceilDiv(parts)
  return node.outputs.map((_, i) => (i < parts - 1 ? chunk : dim.sub(chunk.mul(parts - 1))))
}

function inferSplit(node: Node, ctx: InferContext): Inferred[] {
  const { dtype, shape } = typeOf(node.inputs[0])
  if (!shape) return node.outputs.map(() => ({ type: { dtype } }))
  const axis = normalizeAxis(node, node.int('axis', 0), shape.length)
  const sizes = splitSizes(node, shape[axis]!)
  const types = node.outputs.map((_, i) => ({
    dtype,
    shape: shape.with(axis, sizes?.[i] ?? ctx.unknownDim(i, axis)),
  }))
  const known = knownParts(
    node,
    types.map((t) => staticShape(t)),
  )
  return types.map((type, i) => ({ type, known: known?.[i] }))
}

/** Known elements of a split vector. */
function knownParts(node: Node, shapes: readonly (number[] | undefined)[]): (readonly Expr[])[] | undefined {
  const known = node.inputs[0]?.known
  if (!known || !shapes.every((s) => s?.length === 1)) return undefined
  let at = 0
  return shapes.map((s) => known.slice(at, (at += s![0]!)))
}

function evaluateSplit(node: Node, [x, given]: readonly (NdArray | undefined)[]): NdArray[] {
  const axis = normalizeAxis(node, node.int('axis', 0), x!.shape.length)
  const sizes = given ? [...given.data] : splitSizes(node, Expr.of(x!.shape[axis]!))!.map((d) => d.constant!)
  const strides = stridesOf(x!.shape)
  let start = 0
  return sizes.map((size) => {
    const from = start
    start += size
    return build(
      x!.dtype,
      x!.shape.with(axis, size),
      (index) => x!.data[offsetOf(index.with(axis, index[axis]! + from), strides)]!,
    )
  })
}

/** Definitions of Concat and Split. */
export const concat = {
  Concat: { infer: inferConcat, grad: concatBack, evaluate: evaluateConcat },
  /** dx = the cotangents of all parts, joined. */
  Split: {
    infer: inferSplit,
    grad: (node, { b, dy }) => [
      () =>
        node.outputs.length === 1
          ? dy()
          : b.emit(
              'Concat',
              node.outputs.map((_, i) => dy(i)),
              { axis: node.int('axis', 0) },
            ),
      null,
    ],
    evaluate: evaluateSplit,
  },
} satisfies Record<string, OpDef>
