/** Operators that keep all elements in order: Reshape, Flatten, Squeeze, Unsqueeze, Identity. */
import { Expr } from '../expr.js'
import type { Node } from '../ir.js'
import { invalid, type GradRule, type InferContext, type Inferred, type NdArray, type OpDef } from '../op.js'
import { elementCount, type Shape } from '../types.js'
import { nd } from './support/nd.js'
import { constants, normalizeAxes, shapeOf, sizesKnown, typeOf, vectorLength } from './support/shapes.js'

/** dx = dy in the shape of x. */
const reshapeBack: GradRule = (node, { b, dy }) => [() => b.reshape(dy(), shapeOf(node, node.input(0))), null]

/** The inferred type of a view of input 0: its elements stay known. */
function view(node: Node, shape: Shape | undefined): Inferred[] {
  const x = node.inputs[0]
  return [{ type: { dtype: typeOf(x).dtype, shape }, known: shape && x?.known }]
}

/** Quotient of two element counts, with equal dimensions cancelled first. */
function divideDims(all: Shape, by: Shape): Expr {
  const rest = [...all]
  const divisors = by.filter((d) => {
    const at = rest.findIndex((r) => r.equals(d))
    if (at >= 0) rest.splice(at, 1)
    return at < 0
  })
  return elementCount(rest).div(elementCount(divisors))
}

function inferReshape(node: Node, ctx: InferContext): Inferred[] {
  const target = node.inputs[1]?.known
  if (!target) return view(node, sizesKnown(node.inputs[1], ctx))
  const from = typeOf(node.inputs[0]).shape
  const copies = node.int('allowzero', 0) === 0
  const dims = target.map((d, i) => {
    if (d.constant === -1) return undefined
    return d.constant === 0 && copies ? (from?.[i] ?? ctx.unknownDim(0, i)) : d
  })
  const open = dims.indexOf(undefined)
  if (open !== dims.lastIndexOf(undefined))
    throw invalid(node, 'at most one -1 in the target shape', `[${target}]`)
  const others = dims.filter((d) => d !== undefined)
  if (open < 0) {
    const [had, gets] = [from && elementCount(from).constant, elementCount(others).constant]
    if (had !== undefined && gets !== undefined && had !== gets)
      throw invalid(node, `a target for ${had} elements`, `[${others}]`)
    return view(node, others)
  }
  return view(node, dims.with(open, from ? divideDims(from, others) : ctx.unknownDim(0, open)) as Shape)
}

function evaluateReshape(node: Node, [x, target]: readonly (NdArray | undefined)[]): NdArray[] {
  const copies = node.int('allowzero', 0) === 0
  const dims = [...target!.data].map((d, i) => (d === 0 && copies ? x!.shape[i]! : d))
  const others = dims.filter((d) => d !== -1).reduce((n, d) => n * d, 1)
  return [
    nd(
      x!.dtype,
      dims.map((d) => (d === -1 ? x!.data.length / others : d)),
      x!.data,
    ),
  ]
}

/** The axes that Squeeze removes: those given, else all that are 1. */
function squeezedAxes(
  node: Node,
  axes: readonly number[] | undefined,
  shape: readonly { equals(n: number): boolean }[],
) {
  if (axes) return normalizeAxes(node, axes, shape.length)
  return [...shape.keys()].filter((i) => shape[i]!.equals(1))
}

function inferSqueeze(node: Node): Inferred[] {
  const from = typeOf(node.inputs[0]).shape
  const axes = constants(node.inputs[1])
  if (!from || (node.inputs[1] && !axes)) return view(node, undefined)
  const removed = squeezedAxes(node, axes, from)
  for (const axis of removed) {
    const n = from[axis]!.constant
    if (n !== undefined && n !== 1) throw invalid(node, `a dimension of 1 on axis ${axis}`, String(n))
  }
  return view(
    node,
    from.filter((_, i) => !removed.includes(i)),
  )
}

/** `shape` with 1 inserted so that it stands on `axes` of the result. */
function unsqueezed<T>(node: Node, shape: readonly T[], axes: readonly number[], one: T): T[] {
  const rank = shape.length + axes.length
  const inserted = new Set(normalizeAxes(node, axes, rank))
  const rest = shape.values()
  return Array.from({ length: rank }, (_, i) => (inserted.has(i) ? one : (rest.next().value as T)))
}

function inferUnsqueeze(node: Node, ctx: InferContext): Inferred[] {
  const from = typeOf(node.inputs[0]).shape
  const axes = constants(node.inputs[1])
  if (from && axes) return view(node, unsqueezed(node, from, axes, Expr.one))
  const added = vectorLength(node.inputs[1])
  if (!from || added === undefined) return view(node, undefined)
  return view(
    node,
    Array.from({ length: from.length + added }, (_, axis) => ctx.unknownDim(0, axis)),
  )
}

function flattenAxis(node: Node, rank: number): number {
  const axis = node.int('axis', 1)
  if (axis < -rank || axis > rank) throw invalid(node, `an axis in [-${rank}, ${rank}]`, String(axis))
  return axis < 0 ? axis + rank : axis
}

function inferFlatten(node: Node, ctx: InferContext): Inferred[] {
  const from = typeOf(node.inputs[0]).shape
  if (!from) return view(node, [ctx.unknownDim(0, 0), ctx.unknownDim(0, 1)])
  const axis = flattenAxis(node, from.length)
  return view(node, [elementCount(from.slice(0, axis)), elementCount(from.slice(axis))])
}

/** Definitions of the operators that reshape. */
export const reshape = {
  Reshape: { infer: inferReshape, grad: reshapeBack, evaluate: evaluateReshape },
  Flatten: {
    infer: inferFlatten,
    grad: reshapeBack,
    evaluate: (node, [x]) => {
      const rows = x!.shape.slice(0, flattenAxis(node, x!.shape.length)).reduce((n, d) => n * d, 1)
      const columns = x!.shape.slice(flattenAxis(node, x!.shape.length)).reduce((n, d) => n * d, 1)
      return [nd(x!.dtype, [rows, columns], x!.data)]
    },
  },
  Squeeze: {
    infer: inferSqueeze,
    grad: reshapeBack,
    evaluate: (node, [x, axes]) => {
      const removed = squeezedAxes(node, axes && [...axes.data], x!.shape.map(Expr.of))
      return [
        nd(
          x!.dtype,
          x!.shape.filter((_, i) => !removed.includes(i)),
          x!.data,
        ),
      ]
    },
  },
  Unsqueeze: {
    infer: inferUnsqueeze,
    grad: reshapeBack,
    evaluate: (node, [x, axes]) => [nd(x!.dtype, unsqueezed(node, x!.shape, [...axes!.data], 1), x!.data)],
  },
  /** dx = dy. */
  Identity: {
    infer: (node) => [{ type: typeOf(node.inputs[0]), known: node.inputs[0]?.known }],
    grad: (_node, { dy }) => [() => dy()],
    evaluate: (_node, [x]) => [x!],
  },
} satisfies Record<string, OpDef>
