/** Operators that permute or repeat elements: Transpose, Expand, Tile, Trilu, DepthToSpace, SpaceToDepth, ReverseSequence. */
import { Expr } from '../expr.js'
import type { Node, Value } from '../ir.js'
import type { GradContext, InferContext, Inferred, NdArray, OpDef } from '../op.js'
import type { Shape } from '../types.js'
import { broadcastDims } from './support/broadcast.js'
import { build, offsetOf } from './support/build.js'
import * as n from './support/nd.js'
import { moveKnown, normalizeAxis, shapeOf, sizesKnown, typeOf } from './support/shapes.js'

function permutation(node: Node, rank: number): readonly number[] {
  return node.ints('perm') ?? Array.from({ length: rank }, (_, i) => rank - 1 - i)
}

function evaluateTranspose(node: Node, [x]: readonly (NdArray | undefined)[]): NdArray[] {
  return [n.transpose(x!, permutation(node, x!.shape.length))]
}

function inferTranspose(node: Node): Inferred[] {
  const { dtype, shape } = typeOf(node.inputs[0])
  const moved = shape && permutation(node, shape.length).map((p) => shape[p]!)
  return [{ type: { dtype, shape: moved }, known: moveKnown(node, evaluateTranspose, [0]) }]
}

/** The permutation that undoes `perm`. */
function inverse(perm: readonly number[]): number[] {
  return perm.map((_, i) => perm.indexOf(i))
}

function inferExpand(node: Node, ctx: InferContext): Inferred[] {
  const { dtype, shape: from } = typeOf(node.inputs[0])
  const target = node.inputs[1]?.known
  if (from && target) {
    const rank = Math.max(from.length, target.length)
    const at = (s: Shape, axis: number) => s[axis - rank + s.length] ?? Expr.one
    const dims = Array.from({ length: rank }, (_, i) => [at(from, i), at(target, i)])
    const shape = dims.map((d, i) => broadcastDims(d) ?? ctx.unknownDim(0, i))
    return [{ type: { dtype, shape }, known: moveKnown(node, evaluateExpand, [0], shape) }]
  }
  const sizes = sizesKnown(node.inputs[1], ctx)
  const rank = from && sizes && Math.max(from.length, sizes.length)
  return [{ type: { dtype, shape: rank === undefined ? undefined : openDims(from!, rank, ctx) } }]
}

/** Dimensions of `from` expanded to an unknown target: those that are not 1 stay. */
function openDims(from: Shape, rank: number, ctx: InferContext): Shape {
  return Array.from({ length: rank }, (_, axis) => {
    const d = from[axis - rank + from.length]
    return d?.constant !== undefined && d.constant !== 1 ? d : ctx.unknownDim(0, axis)
  })
}

function evaluateExpand(_node: Node, [x, target]: readonly (NdArray | undefined)[]): NdArray[] {
  return [n.broadcastTo(x!, n.broadcastShape([x!.shape, [...target!.data]]))]
}

function inferTile(node: Node, ctx: InferContext): Inferred[] {
  const { dtype, shape } = typeOf(node.inputs[0])
  const repeats = node.inputs[1]?.known
  const tiled = shape?.map((d, i) => (repeats ? d.mul(repeats[i]!) : ctx.unknownDim(0, i)))
  return [{ type: { dtype, shape: tiled }, known: moveKnown(node, evaluateTile, [0], tiled) }]
}

function evaluateTile(_node: Node, [x, repeats]: readonly (NdArray | undefined)[]): NdArray[] {
  const strides = n.stridesOf(x!.shape)
  const shape = x!.shape.map((d, i) => d * repeats!.data[i]!)
  const source = (index: readonly number[]) =>
    offsetOf(
      index.map((j, i) => j % x!.shape[i]!),
      strides,
    )
  return [build(x!.dtype, shape, (index) => x!.data[source(index)]!)]
}

/** dx = the sum of dy's copies: dy seen as [r0, d0, r1, d1, …], summed over the r. */
function tileBack(node: Node, { b, dy }: GradContext): Value {
  const from = shapeOf(node, node.input(0))
  const to = shapeOf(node, node.output())
  const repeats = node.input(1).known ?? to.map((d, i) => d.div(from[i]!))
  const tiled = [...from.keys()].filter((i) => repeats[i]!.constant !== 1)
  const split = from.flatMap((d, i) => (tiled.includes(i) ? [repeats[i]!, d] : [d]))
  const summed = tiled.map((axis, i) => axis + i)
  return b.sum(b.reshape(dy(), split), summed, false)
}

function triluKeeps(node: Node, k: number): (row: number, column: number) => boolean {
  return node.int('upper', 1) ? (i, j) => j - i >= k : (i, j) => j - i <= k
}

function evaluateTrilu(node: Node, [x, k]: readonly (NdArray | undefined)[]): NdArray[] {
  const keeps = triluKeeps(node, k?.data[0] ?? 0)
  return [
    build(x!.dtype, x!.shape, (index, flat) => (keeps(index.at(-2)!, index.at(-1)!) ? x!.data[flat]! : 0)),
  ]
}

/** Dimensions of DepthToSpace's result: [N, C/bs², H·bs, W·bs]. */
function inferDepthToSpace(node: Node): Inferred[] {
  const { dtype, shape } = typeOf(node.inputs[0])
  const size = node.int('blocksize', 1)
  return [
    {
      type: {
        dtype,
        shape: shape?.map((d, i) => (i === 0 ? d : i === 1 ? d.div(size * size) : d.mul(size))),
      },
    },
  ]
}

function inferSpaceToDepth(node: Node): Inferred[] {
  const { dtype, shape } = typeOf(node.inputs[0])
  const size = node.int('blocksize', 1)
  return [
    {
      type: {
        dtype,
        shape: shape?.map((d, i) => (i === 0 ? d : i === 1 ? d.mul(size * size) : d.div(size))),
      },
    },
  ]
}

/** Channel order of depth: DCR keeps the block outermost, CRD innermost. */
function depthPerm(mode: string): { split: 'bbc' | 'cbb'; perm: number[] } {
  return mode === 'CRD'
    ? { split: 'cbb', perm: [0, 1, 4, 2, 5, 3] }
    : { split: 'bbc', perm: [0, 3, 4, 1, 5, 2] }
}

function evaluateDepthToSpace(node: Node, [x]: readonly (NdArray | undefined)[]): NdArray[] {
  const size = node.int('blocksize', 1)
  const [batch, depth, height, width] = x!.shape as [number, number, number, number]
  const channels = depth / (size * size)
  const { split, perm } = depthPerm(node.string('mode', 'DCR'))
  const parts = split === 'cbb' ? [channels, size, size] : [size, size, channels]
  const moved = n.transpose(n.reshape(x!, [batch, ...parts, height, width]), perm)
  return [n.reshape(moved, [batch, channels, height * size, width * size])]
}

function evaluateSpaceToDepth(node: Node, [x]: readonly (NdArray | undefined)[]): NdArray[] {
  const size = node.int('blocksize', 1)
  const [batch, channels, height, width] = x!.shape as [number, number, number, number]
  const split = n.reshape(x!, [batch, channels, height / size, size, width / size, size])
  return [
    n.reshape(n.transpose(split, [0, 3, 5, 1, 2, 4]), [
      batch,
      channels * size * size,
      height / size,
      width / size,
    ]),
  ]
}

/** dx of DepthToSpace in CRD order, which SpaceToDepth does not have. */
function depthToSpaceBack(node: Node, { b, dy }: GradContext): Value {
  const size = node.int('blocksize', 1)
  if (node.string('mode', 'DCR') === 'DCR') return b.emit('SpaceToDepth', [dy()], { blocksize: size })
  const from = shapeOf(node, node.input(0))
  const [batch, depth, height, width] = from as [Expr, Expr, Expr, Expr]
  const block = Expr.of(size)
  const split = b.reshape(dy(), [batch, depth.div(size * size), height, block, width, block])
  return b.reshape(b.transpose(split, inverse(depthPerm('CRD').perm)), from)
}

function evaluateReverseSequence(node: Node, [x, lengths]: readonly (NdArray | undefined)[]): NdArray[] {
  const rank = x!.shape.length
  const [batch, time] = [node.int('batch_axis', 1), node.int('time_axis', 0)].map((a) =>
    normalizeAxis(node, a, rank),
  )
  const strides = n.stridesOf(x!.shape)
  const source = (index: readonly number[]) => {
    const length = lengths!.data[index[batch!]!]!
    const t = index[time!]!
    return offsetOf(t < length ? index.with(time!, length - 1 - t) : index, strides)
  }
  return [build(x!.dtype, x!.shape, (index) => x!.data[source(index)]!)]
}

/** Definitions of the operators that permute and repeat. */
export const layout = {
  /** dx = dy transposed by the inverse permutation. */
  Transpose: {
    infer: inferTranspose,
    grad: (node, { b, dy }) => [
      () => b.transpose(dy(), inverse(permutation(node, shapeOf(node, node.input(0)).length))),
    ],
    evaluate: evaluateTranspose,
  },
  /** dx = dy, summed over the expanded axes by the driver. */
  Expand: { infer: inferExpand, grad: (_node, { dy }) => [() => dy(), null], evaluate: evaluateExpand },
  Tile: { infer: inferTile, grad: (node, g) => [() => tileBack(node, g), null], evaluate: evaluateTile },
  /** dx = the same triangle of dy. */
  Trilu: {
    infer: (node) => [{ type: typeOf(node.inputs[0]), known: moveKnown(node, evaluateTrilu, [0]) }],
    grad: (node, { b, dy }) => [
      () => b.emit('Trilu', [dy(), node.inputs[1] ?? null], { upper: node.int('upper', 1) }),
      null,
    ],
    evaluate: evaluateTrilu,
  },
  /** dx = SpaceToDepth(dy). */
  DepthToSpace: {
    infer: inferDepthToSpace,
    grad: (node, g) => [() => depthToSpaceBack(node, g)],
    evaluate: evaluateDepthToSpace,
  },
  /** dx = DepthToSpace(dy). */
  SpaceToDepth: {
    infer: inferSpaceToDepth,
    grad: (node, { b, dy }) => [
      () => b.emit('DepthToSpace', [dy()], { blocksize: node.int('blocksize', 1) }),
    ],
    evaluate: evaluateSpaceToDepth,
  },
  /** dx = dy with the same sequences reversed again. */
  ReverseSequence: {
    infer: (node) => [{ type: typeOf(node.inputs[0]) }],
    grad: (node, { b, dy }) => [
      () => b.emit('ReverseSequence', [dy(), node.input(1)], Object.fromEntries(node.attributes)),
      null,
    ],
    evaluate: evaluateReverseSequence,
  },
} satisfies Record<string, OpDef>
