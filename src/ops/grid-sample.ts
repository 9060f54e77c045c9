/** Sampling at computed places: AffineGrid, and GridSample by way of its parts. */
import type { Builder } from '../builder.js'
import { Expr } from '../expr.js'
import type { Node, Value } from '../ir.js'
import { invalid, type InferContext, type Inferred, type OpDef } from '../op.js'
import { elementCount, type Shape } from '../types.js'
import { compare, oneMinus, plus, where } from './support/emit.js'
import { shapeOf, sizesKnown, typeOf } from './support/shapes.js'

/** One spatial axis: its size as a float, and where every point lies on it, [N, P]. */
interface Axis {
  readonly size: Value
  readonly place: Value
  /** Ends of the axis, which reflection turns at. */
  readonly low: number
  readonly high: Value
}

/** A neighbour of every point along one axis: which pixel, and its weight. */
interface Tap {
  readonly pixel: Value
  readonly weight: Value | undefined
}

class Sampler {
  private readonly padding: string
  private readonly aligned: boolean
  private readonly mode: string

  constructor(
    private readonly node: Node,
    private readonly b: Builder,
  ) {
    this.padding = node.string('padding_mode', 'zeros')
    this.aligned = node.int('align_corners', 0) !== 0
    this.mode = node.string('mode', 'linear').replace(/^bi/, '')
  }

  /** Σ over the neighbours of each point of weight · pixel. */
  run(): Value {
    const { b, node } = this
    const [x, grid] = [node.input(0), node.input(1)]
    const [shape, places] = [shapeOf(node, x), shapeOf(node, grid)]
    const axes = shape.slice(2).map((size, i) => this.axis(grid, places, size, shape.length - 3 - i))
    const flat = b.reshape(x, [shape[0]!, shape[1]!, elementCount(shape.slice(2))])
    const terms = combinations(axes.map((a) => this.taps(a))).map((taps) =>
      this.term(flat, axes, taps, places),
    )
    const sum = terms.reduce((p, q) => b.add(p, q))
    return b.reshape(sum, [shape[0]!, shape[1]!, ...places.slice(1, -1)])
  }

  /** Coordinate `at` of the grid in pixels of an axis, brought inside where the padding mode says so. */
  private axis(grid: Value, places: Shape, dim: Expr, at: number): Axis {
    const { b } = this
    const points = elementCount(places.slice(1, -1))
    const column = b.emit('Gather', [grid, b.scalar('int64', at)], { axis: -1 })
    const unit = b.scale(plus(b, b.reshape(column, [places[0]!, points]), 1), 0.5)
    const size = b.cast(b.reshape(b.dim(dim), []), grid.type!.dtype)
    const place = this.aligned ? b.mul(unit, plus(b, size, -1)) : plus(b, b.mul(unit, size), -0.5)
    const [low, high] = this.aligned ? [0, plus(b, size, -1)] : [-0.5, plus(b, size, -0.5)]
    const rounded = this.mode === 'nearest' ? b.emit('Round', [place]) : place
    return { size, low, high, place: this.inside(rounded, { size, low, high }) }
  }

  /** Places beyond the ends are clamped or reflected; for zeros they stay, and for cubic only their pixels are moved. */
  private inside(x: Value, ends: Omit<Axis, 'place'>): Value {
    if (this.padding === 'zeros' || this.mode === 'cubic') return x
    const { b } = this
    const outside = b.emit('Or', [compare(b, 'Less', x, ends.low), compare(b, 'Greater', x, ends.high)])
    return where(
      b,
      outside,
      this.padding === 'border' ? this.clamped(x, ends.size) : this.reflected(x, ends),
      x,
    )
  }

  private clamped(x: Value, size: Value): Value {
    const { b } = this
    return b.emit('Min', [b.emit('Max', [x, b.scalarLike(x, 0)]), plus(b, size, -1)])
  }

  private reflected(x: Value, { low, high }: Omit<Axis, 'place'>): Value {
    const { b } = this
    const period = b.scale(plus(b, high, -low), 2)
    const along = b.emit('Mod', [b.emit('Abs', [plus(b, x, -low)]), period], { fmod: 1 })
    return plus(b, b.emit('Min', [along, b.sub(period, along)]), low)
  }

  /** The neighbours of every point along an axis. */
  private taps({ place }: Axis): Tap[] {
    const { b } = this
    if (this.mode === 'nearest') return [{ pixel: b.emit('Round', [place]), weight: undefined }]
    const below = b.emit('Floor', [place])
    const rest = b.sub(place, below)
    if (this.mode === 'linear')
      return [
        { pixel: below, weight: oneMinus(b, rest) },
        { pixel: plus(b, below, 1), weight: rest },
      ]
    if (this.mode !== 'cubic') throw invalid(this.node, 'mode linear, nearest or cubic', this.mode)
    return [-1, 0, 1, 2].map((step) => ({ pixel: plus(b, below, step), weight: this.cubic(rest, step) }))
  }

  /** Keys' cubic convolution with a = −¾ at distance |rest − step|. */
  private cubic(rest: Value, step: number): Value {
    const { b } = this
    const t = step <= 0 ? plus(b, rest, -step) : b.sub(b.scalarLike(rest, step), rest)
    const polynomial = (...c: number[]) =>
      c.slice(1).reduce((y, k) => plus(b, b.mul(y, t), k), b.scalarLike(t, c[0]!))
    return step === 0 || step === 1 ? polynomial(1.25, -2.25, 0, 1) : polynomial(-0.75, 3.75, -6, 3)
  }

  /** One neighbour of every point, weighted: [N, C, P]. */
  private term(flat: Value, axes: readonly Axis[], taps: readonly Tap[], places: Shape): Value {
    const { b } = this
    const [batch, channels] = flat.type!.shape!
    const points = elementCount(places.slice(1, -1))
    const { index, weight } = this.combine(axes, taps)
    const spread = b.emit('Expand', [
      b.reshape(index, [places[0]!, Expr.one, points]),
      b.shape([batch!, channels!, points]),
    ])
    const pixels = b.emit('GatherElements', [flat, spread], { axis: 2 })
    return weight ? b.mul(pixels, b.reshape(weight, [places[0]!, Expr.one, points])) : pixels
  }

  /** The position of a pixel among all pixels, and the product of the weights: zero outside where the padding is. */
  private combine(axes: readonly Axis[], taps: readonly Tap[]): { index: Value; weight: Value | undefined } {
    const { b } = this
    let [index, weight]: [Value | undefined, Value | undefined] = [undefined, undefined]
    axes.forEach((axis, i) => {
      const { pixel, weight: own } = taps[i]!
      const last = plus(b, axis.size, -1)
      const pixelInside = this.clamped(
        this.padding === 'reflection' ? this.reflected(pixel, axis) : pixel,
        axis.size,
      )
      const at = b.cast(pixelInside, 'int64')
      index = index ? b.add(b.mul(index, b.cast(axis.size, 'int64')), at) : at
      let factor = own
      if (this.padding === 'zeros') {
        const seen = b.emit('And', [
          compare(b, 'GreaterOrEqual', pixel, 0),
          compare(b, 'LessOrEqual', pixel, last),
        ])
        factor = own ? where(b, seen, own) : b.cast(seen, pixel.type!.dtype)
      }
      weight = weight && factor ? b.mul(weight, factor) : (factor ?? weight)
    })
    return { index: index!, weight }
  }
}

/** All choices of one element of every list. */
function combinations<T>(lists: readonly (readonly T[])[]): T[][] {
  return lists.reduce<T[][]>((found, list) => found.flatMap((head) => list.map((x) => [...head, x])), [[]])
}

function inferGridSample(node: Node): Inferred[] {
  const [{ dtype, shape }, grid] = [typeOf(node.inputs[0]), typeOf(node.inputs[1]).shape]
  return [{ type: { dtype, shape: shape && grid && [shape[0]!, shape[1]!, ...grid.slice(1, -1)] } }]
}

function inferAffineGrid(node: Node, ctx: InferContext): Inferred[] {
  const sizes = sizesKnown(node.inputs[1], ctx)
  const shape = sizes && [sizes[0]!, ...sizes.slice(2), Expr.of(sizes.length - 2)]
  return [{ type: { dtype: typeOf(node.inputs[0]).dtype, shape } }]
}

/** grid = θ·(x, y, …, 1) for every output point, x along the last axis. */
function lowerAffineGrid(node: Node, b: Builder): Value[] {
  const theta = node.input(0)
  const sizes = node.input(1).known
  if (!sizes) throw invalid(node, 'sizes that can be told from the inputs', 'computed ones')
  const spatial = sizes.slice(2)
  const { dtype } = theta.type!
  const columns = spatial.map((size, axis) => {
    const line = b.reshape(centres(node, b, size, dtype), [
      ...spatial.map((d, i) => (i === axis ? d : Expr.one)),
      Expr.one,
    ])
    return b.emit('Expand', [line, b.shape([...spatial, Expr.one])])
  })
  const ones = b.full({ dtype, shape: [...spatial, Expr.one] }, 1)
  const base = b.emit('Concat', [...columns.reverse(), ones], { axis: -1 })
  const points = b.reshape(base, [elementCount(spatial), Expr.of(spatial.length + 1)])
  return [
    b.reshape(b.matmul(points, b.transpose(theta, [0, 2, 1])), [
      sizes[0]!,
      ...spatial,
      Expr.of(spatial.length),
    ]),
  ]
}

/** Normalised places of `size` pixels: their centres, or from end to end with aligned corners. */
function centres(node: Node, b: Builder, size: Expr, dtype: NonNullable<Value['type']>['dtype']): Value {
  const end = b.emit('Squeeze', [b.dim(size)])
  const index = b.cast(b.emit('Range', [b.scalar('int64', 0), end, b.scalar('int64', 1)]), dtype)
  const count = b.cast(b.dim(size), dtype)
  if (node.int('align_corners', 0)) return plus(b, b.div(b.scale(index, 2), plus(b, count, -1)), -1)
  return plus(b, b.div(plus(b, b.scale(index, 2), 1), count), -1)
}

/** Definitions of the sampling operators. */
export const gridSample = {
  GridSample: { infer: inferGridSample, grad: 'none', lower: (node, b) => [new Sampler(node, b).run()] },
  AffineGrid: { infer: inferAffineGrid, grad: 'none', lower: lowerAffineGrid },
} satisfies Record<string, OpDef>
