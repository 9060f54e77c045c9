/** Reductions over axes, in their canonical form: axes are an input, no axes means all of them unless told otherwise. */
import type { Builder } from '../builder.js'
import { Expr } from '../expr.js'
import type { Node, Value } from '../ir.js'
import type { GradContext, InferContext, Inferred, OpDef } from '../op.js'
import { elementCount, type Shape } from '../types.js'
import { compare, divideByCount, lazy, where } from './support/emit.js'
import { map, reduce } from './support/nd.js'
import { constants, maxOf, minOf, normalizeAxes, shapeOf, vectorLength } from './support/shapes.js'

/** What the gradient of a reduction is made of; `y` and `dy` have the reduced axes back, with length 1. */
interface Parts {
  readonly b: Builder
  readonly x: Value
  readonly shape: Shape
  /** Whether no axis is reduced. */
  readonly isWhole: boolean
  /** Another reduction over the same axes, which stay with length 1. */
  readonly over: (op: 'ReduceSum' | 'ReduceProd', v: Value) => Value
  /** Divides by the number of elements that are reduced to one. */
  readonly perElement: (v: Value) => Value
  readonly y: () => Value
  readonly dy: () => Value
}

/** Definitions of the Reduce operators. */
export const reduction = {
  /** y = Σx; dx = dy */
  ReduceSum: reducer(
    sum,
    expanded((p) => p.dy()),
    (a, b) => a.add(b),
  ),
  /** y = Σx / n; dx = dy / n */
  ReduceMean: reducer(
    (line) => sum(line) / line.length,
    expanded((p) => p.perElement(p.dy())),
  ),
  /** y = max x; dx = dy where x = y, shared equally where several are */
  ReduceMax: reducer(
    (line) => line.reduce((a, b) => Math.max(a, b), -Infinity),
    extremum,
    (a, b) => maxOf(a, b),
  ),
  /** y = min x; dx = dy where x = y, shared equally where several are */
  ReduceMin: reducer(
    (line) => line.reduce((a, b) => Math.min(a, b), Infinity),
    extremum,
    (a, b) => minOf(a, b),
  ),
  /** y = Πx; see `productGradient` */
  ReduceProd: reducer(
    (line) => line.reduce((a, b) => a * b, 1),
    productGradient,
    (a, b) => a.mul(b),
  ),
  /** y = Σx²; dx = 2dy·x */
  ReduceSumSquare: reducer(sumSquare, (p) => p.b.mul(p.b.scale(p.dy(), 2), p.x)),
  /** y = Σ|x|; dx = dy·sign(x) */
  ReduceL1: reducer(
    (line) => sum(line.map(Math.abs)),
    (p) => p.b.mul(p.dy(), p.b.emit('Sign', [p.x])),
  ),
  /** y = √Σx²; dx = x·dy/y, 0 where y = 0 */
  ReduceL2: reducer(
    (line) => Math.sqrt(sumSquare(line)),
    ({ b, x, y, dy }) =>
      b.mul(x, where(b, compare(b, 'Equal', y(), 0), b.scalarLike(x, 0), b.div(dy(), y()))),
  ),
  /** y = ln Σx; dx = dy·e⁻ʸ */
  ReduceLogSum: reducer(
    (line) => Math.log(sum(line)),
    expanded(({ b, y, dy }) => b.mul(dy(), b.emit('Exp', [b.neg(y())]))),
  ),
  /** y = ln Σeˣ; dx = dy·e^(x−y) */
  ReduceLogSumExp: reducer(logSumExp, ({ b, x, y, dy }) => b.mul(dy(), b.emit('Exp', [b.sub(x, y())]))),
} satisfies Record<string, OpDef>

function sum(line: Float64Array): number {
  return line.reduce((a, b) => a + b, 0)
}

function sumSquare(line: Float64Array): number {
  return line.reduce((total, x) => total + x * x, 0)
}

function logSumExp(line: Float64Array): number {
  const top = line.reduce((a, b) => Math.max(a, b), -Infinity)
  return top + Math.log(line.reduce((total, x) => total + Math.exp(x - top), 0))
}

/**
 * A reduction.
 * @param f its value over one line of elements
 * @param gradient emits dx, which may not be broadcast over the reduced axes
 * @param combine how two known integers combine
 */
function reducer(
  f: (line: Float64Array) => number,
  gradient: (p: Parts) => Value,
  combine?: (a: Expr, b: Expr) => Expr,
): OpDef {
  return {
    infer: (node, ctx) => inferReduction(node, ctx, combine),
    grad: (node, g) => [() => gradient(partsOf(node, g)), null],
    evaluate: (node, [x, axes]) => {
      const over = axesFrom(node, axes && [...axes.data], x!.shape.length)
      const y = reduce(x!, over, keepsDims(node), f)
      // Of no element at all, the greatest bool is false and the least one true.
      return [x!.dtype === 'bool' ? map(y, (v) => Math.min(Math.max(v, 0), 1)) : y]
    },
  }
}

function keepsDims(node: Node): boolean {
  return node.int('keepdims', 1) === 1
}

function axesFrom(node: Node, given: readonly number[] | undefined, rank: number): number[] {
  if (given && given.length > 0) return normalizeAxes(node, given, rank)
  return node.int('noop_with_empty_axes', 0) === 1 ? [] : [...Array(rank).keys()]
}

/** The axes a reduction sums over; undefined where only the run tells. */
function reducedAxes(node: Node, rank: number): number[] | undefined {
  const given = node.inputs[1]
  if (!given) return axesFrom(node, undefined, rank)
  const axes = constants(given)
  return axes && axesFrom(node, axes, rank)
}

function inferReduction(node: Node, ctx: InferContext, combine?: (a: Expr, b: Expr) => Expr): Inferred[] {
  const x = node.input(0)
  if (!x.type) return []
  const { dtype, shape } = x.type
  const axes = shape && reducedAxes(node, shape.length)
  if (!axes) return [{ type: { dtype, shape: shape && openShape(node, ctx, shape.length) } }]
  const type = { dtype, shape: reducedShape(shape, axes, keepsDims(node)) }
  const isTotal = combine && axes.length === shape.length && x.known && x.known.length > 0
  return [isTotal ? { type, known: [x.known!.reduce(combine)] } : { type }]
}

/** The rank that axes leave which only the run knows, where their number is known. */
function openShape(node: Node, ctx: InferContext, rank: number): Shape | undefined {
  const count = vectorLength(node.inputs[1])
  const left = keepsDims(node) ? rank : count ? rank - count : undefined
  return left === undefined ? undefined : Array.from({ length: left }, (_, i) => ctx.unknownDim(0, i))
}

function reducedShape(shape: Shape, axes: readonly number[], keepdims: boolean): Shape {
  return keepdims
    ? shape.map((d, i) => (axes.includes(i) ? Expr.one : d))
    : shape.filter((_, i) => !axes.includes(i))
}

function partsOf(node: Node, { b, dy }: GradContext): Parts {
  const x = node.input(0)
  const shape = shapeOf(node, x)
  const axes = reducedAxes(node, shape.length)
  return axes ? fixedParts(node, b, dy, axes) : openParts(node, b, dy)
}

function fixedParts(node: Node, b: Builder, dy: () => Value, axes: readonly number[]): Parts {
  const x = node.input(0)
  const shape = shapeOf(node, x)
  const kept = reducedShape(shape, axes, true)
  const lines = axes.map((a) => shape[a]!)
  return {
    b,
    x,
    shape,
    isWhole: axes.length === 0,
    over: (op, v) => (axes.length === 0 ? v : b.emit(op, [v, b.ints(axes)])),
    perElement: (v) => divideByCount(b, v, lines),
    y: () => b.reshape(node.output(), kept),
    dy: () => b.reshape(dy(), kept),
  }
}

/** With axes that only the run knows the same reduction with `keepdims` tells the shape to bring the results back to. */
function openParts(node: Node, b: Builder, dy: () => Value): Parts {
  const x = node.input(0)
  const shape = shapeOf(node, x)
  const over: Parts['over'] = (op, v) =>
    b.emit(op, [v, node.input(1)], { noop_with_empty_axes: node.int('noop_with_empty_axes', 0) })
  const kept = lazy(() => b.emit('Shape', [over('ReduceSum', x)]))
  const again = (v: Value): Value => (keepsDims(node) ? v : b.emit('Reshape', [v, kept()]))
  const perElement = (v: Value): Value => {
    const lines = b.div(b.reshape(b.dim(elementCount(shape)), []), b.emit('Size', [dy()]))
    return b.div(v, b.cast(lines, x.type!.dtype))
  }
  return {
    b,
    x,
    shape,
    isWhole: false,
    over,
    perElement,
    y: () => again(node.output()),
    dy: () => again(dy()),
  }
}

/** A gradient that is constant along the reduced axes. */
function expanded(gradient: (p: Parts) => Value): (p: Parts) => Value {
  return (p) => (p.isWhole ? gradient(p) : p.b.emit('Expand', [gradient(p), p.b.shape(p.shape)]))
}

function extremum({ b, x, over, y, dy }: Parts): Value {
  const equal = compare(b, 'Equal', x, y())
  const count = over('ReduceSum', b.cast(equal, x.type!.dtype))
  return where(b, equal, b.div(dy(), count))
}

/**
 * y = Πx; dxᵢ = dy·Π_{j≠i} xⱼ without dividing by zero: with p the product of the elements that are not zero, it is
 * dy·p/xᵢ where no other element is zero (xᵢ read as 1 where it is zero itself), else 0.
 */
export function productGradient({ b, x, over, dy }: Pick<Parts, 'b' | 'x' | 'over' | 'dy'>): Value {
  const isZero = compare(b, 'Equal', x, 0)
  const safe = where(b, isZero, b.scalarLike(x, 1), x)
  const product = over('ReduceProd', safe)
  const zero = b.cast(isZero, x.type!.dtype)
  const others = b.sub(over('ReduceSum', zero), zero)
  return where(b, compare(b, 'Equal', others, 0), b.div(b.mul(dy(), product), safe))
}
