/** Reading by index: Gather, GatherElements, GatherND. */
import type { Builder } from '../builder.js'
import { Expr } from '../expr.js'
import type { Node, Value } from '../ir.js'
import { invalid, type GradContext, type Inferred, type NdArray, type OpDef } from '../op.js'
import { elementCount, type Shape, type TensorType } from '../types.js'
import { build, offsetOf } from './support/build.js'
import { stridesOf } from './support/nd.js'
import { constant, moveKnown, normalizeAxis, shapeOf, typeOf } from './support/shapes.js'

/** An index counted from the front. */
function wrap(index: number, dim: number): number {
  return index < 0 ? index + dim : index
}

function inferGather(node: Node): Inferred[] {
  const [data, indices] = [typeOf(node.inputs[0]), typeOf(node.inputs[1]).shape]
  if (!data.shape || !indices) return [{ type: { dtype: data.dtype } }]
  const axis = normalizeAxis(node, node.int('axis', 0), data.shape.length)
  const shape = data.shape.toSpliced(axis, 1, ...indices)
  return [{ type: { dtype: data.dtype, shape }, known: moveKnown(node, evaluateGather, [0]) }]
}

function evaluateGather(node: Node, [x, indices]: readonly (NdArray | undefined)[]): NdArray[] {
  const axis = normalizeAxis(node, node.int('axis', 0), x!.shape.length)
  const [from, chosen] = [stridesOf(x!.shape), stridesOf(indices!.shape)]
  const rank = indices!.shape.length
  const element = (index: readonly number[]) => {
    const i = wrap(indices!.data[offsetOf(index.slice(axis, axis + rank), chosen)]!, x!.shape[axis]!)
    return x!.data[offsetOf(index.toSpliced(axis, rank, i), from)]!
  }
  return [build(x!.dtype, x!.shape.toSpliced(axis, 1, ...indices!.shape), element)]
}

/** dx: dy padded back to the axis where one constant index was taken, else scattered. */
function gatherBack(node: Node, g: GradContext): Value {
  const x = node.input(0)
  const shape = shapeOf(node, x)
  const axis = normalizeAxis(node, node.int('axis', 0), shape.length)
  const index = node.input(1).type?.shape?.length === 0 ? constant(node.input(1)) : undefined
  if (index === undefined)
    return scatterRows(g.b, g.dy(), node.input(1), { dtype: x.type!.dtype, shape }, axis)
  const at = index < 0 ? shape[axis]!.add(index) : Expr.of(index)
  const pads = g.b.shape([at, shape[axis]!.sub(at).sub(1)])
  return g.b.emit('Pad', [g.b.reshape(g.dy(), shape.with(axis, Expr.one)), pads, null, g.b.ints([axis])])
}

/**
 * The gradient of `Gather(x, indices, axis)`: zeros of x's type with every slice of dy added at its index. The axis is
 * brought to the front; indices may be negative.
 */
export function scatterRows(b: Builder, dy: Value, indices: Value, type: TensorType, axis: number): Value {
  const shape = type.shape!
  const rank = indices.type!.shape!.length
  const others = [...shape.keys()].filter((i) => i !== axis)
  const front = Array.from({ length: rank }, (_, i) => axis + i)
  const rest = others.map((i) => (i < axis ? i : i + rank - 1))
  const updates = b.transpose(dy, [...front, ...rest])
  const sum = addRows(b, b.cast(indices, 'int64'), updates, {
    dtype: type.dtype,
    shape: [axis, ...others].map((i) => shape[i]!),
  })
  return b.transpose(
    sum,
    shape.map((_, i) => (i === axis ? 0 : i < axis ? i + 1 : i)),
  )
}

/** Zeros of the type with row j of the updates added to row indices[j] of the first axis. */
function addRows(b: Builder, indices: Value, updates: Value, { dtype, shape }: Required<TensorType>): Value {
  const [rows, ...others] = shape
  const count = elementCount(indices.type!.shape!)
  const width = elementCount(others)
  const zeros = b.full({ dtype, shape: [rows!, width] }, 0)
  return b.reshape(addToRows(b, zeros, indices, updates, [count, width]), shape)
}

/**
 * A matrix with row j of the updates, as many rows as indices and of the given shape, added to its row indices[j]. Not by
 * ScatterND, which is 25 times as fast: ONNX Runtime's loses additions to one row where several threads work on it
 * (onnxruntime 18048, 23396).
 */
export function addToRows(b: Builder, base: Value, indices: Value, updates: Value, shape: Shape): Value {
  const column = b.reshape(indices, [shape[0]!, Expr.one])
  const positions = b.emit('Expand', [column, b.shape(shape)])
  const options = { axis: 0, reduction: 'add' }
  return b.emit('ScatterElements', [base, positions, b.reshape(updates, shape)], options)
}

function inferGatherElements(node: Node): Inferred[] {
  const { dtype } = typeOf(node.inputs[0])
  const known = moveKnown(node, evaluateGatherElements, [0])
  return [{ type: { dtype, shape: typeOf(node.inputs[1]).shape }, known }]
}

function evaluateGatherElements(node: Node, [x, indices]: readonly (NdArray | undefined)[]): NdArray[] {
  const axis = normalizeAxis(node, node.int('axis', 0), x!.shape.length)
  const strides = stridesOf(x!.shape)
  const element = (index: readonly number[], flat: number) =>
    x!.data[offsetOf(index.with(axis, wrap(indices!.data[flat]!, x!.shape[axis]!)), strides)]!
  return [build(x!.dtype, indices!.shape, element)]
}

/** [batch…, indices…, rest of data…]: the dimensions of GatherND's result. */
function gatherNdShape<T>(data: readonly T[], indices: readonly T[], width: number, batch: number): T[] {
  return [...indices.slice(0, -1), ...data.slice(batch + width)]
}

function inferGatherNd(node: Node): Inferred[] {
  const { dtype, shape } = typeOf(node.inputs[0])
  const indices = typeOf(node.inputs[1]).shape
  const width = indices?.at(-1)?.constant
  if (!shape || !indices || width === undefined) return [{ type: { dtype } }]
  const batch = node.int('batch_dims', 0)
  if (batch + width > shape.length)
    throw invalid(node, `indices of at most ${shape.length - batch} coordinates`, String(width))
  const known = moveKnown(node, evaluateGatherNd, [0])
  return [{ type: { dtype, shape: gatherNdShape(shape, indices, width, batch) }, known }]
}

function evaluateGatherNd(node: Node, [x, indices]: readonly (NdArray | undefined)[]): NdArray[] {
  const batch = node.int('batch_dims', 0)
  const rank = indices!.shape.length
  const width = indices!.shape.at(-1)!
  const [from, chosen] = [stridesOf(x!.shape), stridesOf(indices!.shape)]
  const element = (index: readonly number[]) => {
    const at = offsetOf([...index.slice(0, rank - 1), 0], chosen)
    const point = Array.from({ length: width }, (_, k) => wrap(indices!.data[at + k]!, x!.shape[batch + k]!))
    return x!.data[offsetOf([...index.slice(0, batch), ...point, ...index.slice(rank - 1)], from)]!
  }
  return [build(x!.dtype, gatherNdShape(x!.shape, indices!.shape, width, batch), element)]
}

/** dx = zeros with dy added at the indices, which are given their batch coordinates first. */
function gatherNdBack(node: Node, { b, dy }: GradContext): Value {
  const x = node.input(0)
  const shape = shapeOf(node, x)
  const indices = withBatch(b, node.input(1), shapeOf(node, node.input(1)), node.int('batch_dims', 0))
  const depth = indices.type!.shape!.at(-1)!.constant!
  const [chosen, rest] = [shape.slice(0, depth), shape.slice(depth)]
  // negative ones count from the end
  const wrapped = b.emit('Mod', [indices, b.shape(chosen)])
  const strides = b.shape(chosen.map((_, i) => elementCount(chosen.slice(i + 1))))
  const rows = b.sum(b.mul(wrapped, strides), [-1], false)
  const flat = { dtype: x.type!.dtype, shape: [elementCount(chosen), ...rest] }
  return b.reshape(addRows(b, rows, dy(), flat), shape)
}

/** Index tuples with their own batch coordinates put before them. */
function withBatch(b: Builder, indices: Value, shape: Shape, batch: number): Value {
  if (batch === 0) return indices
  const grid = shape.slice(0, -1)
  const coordinates = Array.from({ length: batch }, (_, axis) => {
    const end = b.emit('Squeeze', [b.dim(grid[axis]!)])
    const range = b.emit('Range', [b.scalar('int64', 0), end, b.scalar('int64', 1)])
    const column = b.reshape(range, [...grid.map((d, i) => (i === axis ? d : Expr.one)), Expr.one])
    return b.emit('Expand', [column, b.shape([...grid, Expr.one])])
  })
  return b.emit('Concat', [...coordinates, indices], { axis: -1 })
}

/** Definitions of the gathering operators. */
export const gather = {
  Gather: {
    infer: inferGather,
    grad: (node, g) => [() => gatherBack(node, g), null],
    evaluate: evaluateGather,
  },
  /** dx = ScatterElements(0, indices, dy, add). */
  GatherElements: {
    infer: inferGatherElements,
    grad: (node, { b, dy }) => [
      () => {
        const zeros = b.full({ dtype: node.input(0).type!.dtype, shape: shapeOf(node, node.input(0)) }, 0)
        return b.emit('ScatterElements', [zeros, node.input(1), dy()], {
          axis: node.int('axis', 0),
          reduction: 'add',
        })
      },
      null,
    ],
    evaluate: evaluateGatherElements,
  },
  GatherND: {
    infer: inferGatherNd,
    grad: (node, g) => [() => gatherNdBack(node, g), null],
    evaluate: evaluateGatherNd,
  },
} satisfies Record<string, OpDef>
