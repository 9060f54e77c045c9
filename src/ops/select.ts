/** Choosing elements by condition: Where, Compress, NonZero, Unique. */
import type { Builder } from '../builder.js'
import { Expr } from '../expr.js'
import type { Node, Value } from '../ir.js'
import type { GradContext, InferContext, Inferred, NdArray, OpDef } from '../op.js'
import { elementCount } from '../types.js'
import { broadcastShapes, withKnown } from './support/broadcast.js'
import { build, forEachIndex, offsetOf } from './support/build.js'
import { where } from './support/emit.js'
import { scatterRows } from './gather.js'
import { nd, stridesOf, zip } from './support/nd.js'
import { constants, normalizeAxis, shapeOf, typeOf } from './support/shapes.js'

function inferWhere(node: Node, ctx: InferContext): Inferred[] {
  const operands = [0, 1, 2].map((i) => node.input(i))
  const shape = broadcastShapes(
    operands.map((v) => typeOf(v).shape),
    ctx,
  )
  const type = { dtype: typeOf(operands[1]).dtype, shape }
  return [
    withKnown({ type }, operands, (c, x, y) => {
      if (c!.constant !== undefined) return c!.constant ? x : y
      return x!.equals(y!) ? x : undefined
    }),
  ]
}

/** The axis that Compress cuts; undefined where it flattens. */
function compressAxis(node: Node, rank: number): number | undefined {
  return node.attributes.has('axis') ? normalizeAxis(node, node.int('axis', 0), rank) : undefined
}

function inferCompress(node: Node, ctx: InferContext): Inferred[] {
  const { dtype, shape } = typeOf(node.inputs[0])
  const kept = constants(node.inputs[1])?.filter((c) => c !== 0).length
  const flat = !node.attributes.has('axis')
  if (!shape && !flat) return [{ type: { dtype } }]
  const axis = shape && compressAxis(node, shape.length)
  const size = kept === undefined ? ctx.unknownDim(0, axis ?? 0) : Expr.of(kept)
  return [{ type: { dtype, shape: axis === undefined ? [size] : shape!.with(axis, size) } }]
}

function evaluateCompress(node: Node, [x, condition]: readonly (NdArray | undefined)[]): NdArray[] {
  const kept = [...condition!.data.keys()].filter((i) => condition!.data[i])
  const axis = compressAxis(node, x!.shape.length)
  if (axis === undefined)
    return [
      nd(
        x!.dtype,
        [kept.length],
        kept.map((i) => x!.data[i]!),
      ),
    ]
  const strides = stridesOf(x!.shape)
  const element = (index: readonly number[]) =>
    x!.data[offsetOf(index.with(axis, kept[index[axis]!]!), strides)]!
  return [build(x!.dtype, x!.shape.with(axis, kept.length), element)]
}

/** dx = zeros with dy added where the condition holds. */
function compressBack(node: Node, { b, dy }: GradContext): Value {
  const shape = shapeOf(node, node.input(0))
  const axis = compressAxis(node, shape.length)
  const dtype = node.input(0).type!.dtype
  const positions = truePositions(b, node.input(1), shapeOf(node, node.output())[axis ?? 0]!)
  if (axis !== undefined) return scatterRows(b, dy(), positions, { dtype, shape }, axis)
  return b.reshape(scatterRows(b, dy(), positions, { dtype, shape: [elementCount(shape)] }, 0), shape)
}

/** The positions of a bool vector's `count` true elements. */
function truePositions(b: Builder, condition: Value, count: Expr): Value {
  const found = b.emit('NonZero', [condition])
  return b.emit('Reshape', [found, b.dim(count)])
}

function inferNonZero(node: Node, ctx: InferContext): Inferred[] {
  const rank = typeOf(node.inputs[0]).shape?.length
  const count = constants(node.inputs[0])?.filter((x) => x !== 0).length
  const dims = [
    rank === undefined ? ctx.unknownDim(0, 0) : Expr.of(rank),
    count === undefined ? ctx.unknownDim(0, 1) : Expr.of(count),
  ]
  return [{ type: { dtype: 'int64', shape: dims } }]
}

function evaluateNonZero(_node: Node, [x]: readonly (NdArray | undefined)[]): NdArray[] {
  const found: number[][] = []
  forEachIndex(x!.shape, (index, flat) => {
    if (x!.data[flat] !== 0) found.push([...index])
  })
  return [build('int64', [x!.shape.length, found.length], ([axis, i]) => found[i!]![axis!]!)]
}

function uniqueAxis(node: Node, rank: number): number | undefined {
  return node.attributes.has('axis') ? normalizeAxis(node, node.int('axis', 0), rank) : undefined
}

function inferUnique(node: Node, ctx: InferContext): Inferred[] {
  const { dtype, shape } = typeOf(node.inputs[0])
  const axis = shape && uniqueAxis(node, shape.length)
  const count = ctx.unknownDim(0, axis ?? 0)
  const values =
    axis !== undefined ? shape!.with(axis, count) : node.attributes.has('axis') ? undefined : [count]
  const all = axis !== undefined ? shape![axis]! : shape && elementCount(shape)
  const inverse = [all ?? ctx.unknownDim(2, 0)]
  const dims = [values, [count], inverse, [count]]
  return node.outputs.map((_, i) => ({ type: { dtype: i === 0 ? dtype : 'int64', shape: dims[i] } }))
}

/** Compares slices element by element. */
function lexical(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((x, i) => x !== b[i])
  return at < 0 ? 0 : a[at]! - b[at]!
}

function evaluateUnique(node: Node, [x]: readonly (NdArray | undefined)[]): NdArray[] {
  const axis = uniqueAxis(node, x!.shape.length)
  const slices = axis === undefined ? [...x!.data].map((v) => [v]) : slicesAlong(x!, axis)
  const groups: { slice: readonly number[]; members: number[] }[] = []
  slices.forEach((slice, i) => {
    const group = groups.find((g) => lexical(g.slice, slice) === 0)
    if (group) group.members.push(i)
    else groups.push({ slice, members: [i] })
  })
  if (node.int('sorted', 1)) groups.sort((a, b) => lexical(a.slice, b.slice))
  const inverse = slices.map((_, i) => groups.findIndex((g) => g.members.includes(i)))
  const vector = (values: number[]) => nd('int64', [values.length], values)
  const first = groups.map((g) => g.members[0]!)
  return [
    uniqueValues(x!, axis, first),
    vector(first),
    vector(inverse),
    vector(groups.map((g) => g.members.length)),
  ]
}

function slicesAlong(x: NdArray, axis: number): number[][] {
  const slices: number[][] = Array.from({ length: x.shape[axis]! }, () => [])
  forEachIndex(x.shape, (index, flat) => slices[index[axis]!]!.push(x.data[flat]!))
  return slices
}

function uniqueValues(x: NdArray, axis: number | undefined, first: readonly number[]): NdArray {
  if (axis === undefined)
    return nd(
      x.dtype,
      [first.length],
      first.map((i) => x.data[i]!),
    )
  const strides = stridesOf(x.shape)
  return build(
    x.dtype,
    x.shape.with(axis, first.length),
    (index) => x.data[offsetOf(index.with(axis, first[index[axis]!]!), strides)]!,
  )
}

/** dx = zeros with dy put where each value was first seen (output 1). */
function uniqueBack(node: Node, { b, dy, saved }: GradContext): Value {
  const shape = shapeOf(node, node.input(0))
  const axis = uniqueAxis(node, shape.length)
  const dtype = node.input(0).type!.dtype
  const count = shapeOf(node, node.output())[axis ?? 0]!
  const first = saved(1, { dtype: 'int64', shape: [count] })
  if (axis !== undefined) return scatterRows(b, dy(), first, { dtype, shape }, axis)
  return b.reshape(scatterRows(b, dy(), first, { dtype, shape: [elementCount(shape)] }, 0), shape)
}

/** Definitions of the operators that choose by condition. */
export const select = {
  /** dx = dy where the condition holds, dy' = dy elsewhere; never a product, so that NaN and infinity stay out. */
  Where: {
    infer: inferWhere,
    grad: (node, { b, dy }) => [
      null,
      () => where(b, node.input(0), dy()),
      () => b.emit('Where', [node.input(0), b.scalarLike(dy(), 0), dy()]),
    ],
    evaluate: (_node, [c, x, y]) => [zip([c!, x!, y!], (p, q, r) => (p ? q! : r!), x!.dtype)],
  },
  Compress: {
    infer: inferCompress,
    grad: (node, g) => [() => compressBack(node, g), null],
    evaluate: evaluateCompress,
  },
  NonZero: { infer: inferNonZero, grad: 'none', evaluate: evaluateNonZero },
  Unique: { infer: inferUnique, grad: (node, g) => [() => uniqueBack(node, g)], evaluate: evaluateUnique },
} satisfies Record<string, OpDef>
