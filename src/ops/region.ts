/** Regions of images: RoiAlign and MaxRoiPool by way of their parts. */
import type { Builder } from '../builder.js'
import { CompileError } from '../errors.js'
import { Expr } from '../expr.js'
import type { Node, Value } from '../ir.js'
import type { OpDef } from '../op.js'
import type { Shape } from '../types.js'
import { compare, oneMinus, plus, where } from './support/emit.js'
import { shapeOf, typeOf } from './support/shapes.js'

/** Regions × channels × what the attributes say. */
function inferRegions(pooled: (node: Node) => readonly number[]): OpDef['infer'] {
  return (node) => {
    const { dtype, shape } = typeOf(node.inputs[0])
    const count = typeOf(node.inputs[1]).shape?.[0]
    return [{ type: { dtype, shape: shape && count && [count, shape[1]!, ...pooled(node).map(Expr.of)] } }]
  }
}

const alignedSize = (node: Node): [number, number] => [
  node.int('output_height', 1),
  node.int('output_width', 1),
]

/**
 * The mean over the samples of a bin of bilinearly interpolated pixels. Interpolation is separable, and so are the bins, so
 * that every region is A·X·Bᵀ with A [out, height] and B [out, width] the mean weights of the pixels along each axis.
 */
class Aligner {
  private readonly dtype

  constructor(
    private readonly node: Node,
    private readonly b: Builder,
  ) {
    this.dtype = node.input(0).type!.dtype
  }

  run(): Value {
    const { b, node } = this
    if (node.string('mode', 'avg') !== 'avg') {
      throw new CompileError(
        'no-gradient',
        `RoiAlign (node "${node.name}") with mode ${node.string('mode', 'avg')}: only avg is supported; export the model with it`,
      )
    }
    const [x, rois, batch] = [node.input(0), node.input(1), node.input(2)]
    const [height, width] = shapeOf(node, x).slice(2) as [Expr, Expr]
    const [rows, columns] = alignedSize(node)
    const images = b.emit('Gather', [x, batch], { axis: 0 })
    const down = this.weights(this.column(rois, 1), this.column(rois, 3), rows, height)
    const across = this.weights(this.column(rois, 0), this.column(rois, 2), columns, width)
    return b.matmul(b.matmul(down, images), b.transpose(across, [0, 1, 3, 2]))
  }

  /** Column `at` of the regions in pixels: [regions, 1]. */
  private column(rois: Value, at: number): Value {
    const { b, node } = this
    const halfPixel = node.string('coordinate_transformation_mode', 'half_pixel') === 'half_pixel'
    const column = b.emit('Gather', [rois, b.ints([at])], { axis: 1 })
    return plus(b, b.scale(column, node.float('spatial_scale', 1)), halfPixel ? -0.5 : 0)
  }

  /** Mean weights [regions, 1, out, size] of the pixels of an axis for every bin of regions from `start` to `end`. */
  private weights(start: Value, end: Value, out: number, size: Expr): Value {
    const { b } = this
    const bin = b.scale(this.extent(start, end), 1 / out)
    const { samples, index } = this.samples(bin)
    const regions = start.type!.shape![0]!
    const to4 = (v: Value, dims: Shape) => b.reshape(v, dims)
    const one = Expr.one
    const each = (v: Value) => to4(v, [regions, one, one, one])
    const bins = b.constant(this.dtype, [1, out, 1, 1], [...Array(out).keys()])
    const within = b.div(plus(b, index, 0.5), each(samples))
    const place = b.add(each(start), b.mul(b.add(bins, within), each(bin)))
    const weight = b.mul(this.nearness(place, size), this.counted(place, index, each(samples), size))
    const mean = b.div(b.sum(weight, [2], false), to4(samples, [regions, one, one]))
    return b.reshape(mean, [regions, one, Expr.of(out), size])
  }

  /** How long the regions are; at least a pixel where coordinates are not centred. */
  private extent(start: Value, end: Value): Value {
    const { b, node } = this
    const extent = b.sub(end, start)
    const centred = node.string('coordinate_transformation_mode', 'half_pixel') === 'half_pixel'
    return centred ? extent : b.emit('Max', [extent, b.scalarLike(extent, 1)])
  }

  /** How many samples a bin has along the axis, [regions, 1], and their positions, [1, 1, most, 1]. */
  private samples(bin: Value): { samples: Value; index: Value } {
    const { b, node, dtype } = this
    const fixed = node.int('sampling_ratio', 0)
    const line = (count: Value) => b.emit('Range', [b.scalar('int64', 0), count, b.scalar('int64', 1)])
    const shaped = (v: Value) => b.emit('Unsqueeze', [b.cast(v, dtype), b.ints([0, 1, 3])])
    if (fixed > 0) return { samples: b.full(bin.type!, fixed), index: shaped(line(b.scalar('int64', fixed))) }
    const samples = b.emit('Max', [b.emit('Ceil', [bin]), b.scalarLike(bin, 1)])
    const most = b.emit('ReduceMax', [b.cast(samples, 'int64')], { keepdims: 0 })
    return { samples, index: shaped(line(most)) }
  }

  /** 1 − distance of a place to every pixel, where they are neighbours; places just beyond the ends move onto them. */
  private nearness(place: Value, size: Expr): Value {
    const { b, dtype } = this
    const count = b.reshape(b.dim(size), [])
    const pixels = b.cast(b.emit('Range', [b.scalar('int64', 0), count, b.scalar('int64', 1)]), dtype)
    const low = b.emit('Max', [place, b.scalarLike(place, 0)])
    const inside = b.emit('Min', [low, plus(b, b.cast(count, dtype), -1)])
    const distance = b.emit('Abs', [b.sub(inside, pixels)])
    return b.emit('Max', [oneMinus(b, distance), b.scalarLike(distance, 0)])
  }

  /** 1 for samples that the region has and that are no further than a pixel outside. */
  private counted(place: Value, index: Value, samples: Value, size: Expr): Value {
    const { b, dtype } = this
    const beyond = compare(b, 'Greater', place, b.cast(b.reshape(b.dim(size), []), dtype))
    const outside = b.emit('Or', [compare(b, 'Less', place, -1), beyond])
    const absent = compare(b, 'GreaterOrEqual', index, samples)
    return where(b, b.emit('Or', [outside, absent]), b.scalar(dtype, 0), 1)
  }
}

/** The maximum over the pixels of a bin, which is that over its rows of those over its columns; 0 where it has none. */
class Pooler {
  constructor(
    private readonly node: Node,
    private readonly b: Builder,
  ) {}

  run(): Value {
    const { b, node } = this
    const [x, rois] = [node.input(0), node.input(1)]
    const [height, width] = shapeOf(node, x).slice(2) as [Expr, Expr]
    const [rows, columns] = pooledSize(node)
    const batch = b.cast(b.emit('Gather', [rois, b.scalar('int64', 0)], { axis: 1 }), 'int64')
    const images = b.emit('Gather', [x, batch], { axis: 0 })
    const down = this.members(this.column(rois, 2), this.column(rois, 4), rows!, height)
    const across = this.members(this.column(rois, 1), this.column(rois, 3), columns!, width)
    const tall = this.maximum(
      b.emit('Unsqueeze', [images, b.ints([2])]),
      b.emit('Unsqueeze', [down, b.ints([4])]),
      3,
    )
    const y = this.maximum(
      b.emit('Unsqueeze', [tall, b.ints([3])]),
      b.emit('Unsqueeze', [across, b.ints([2])]),
      4,
    )
    return where(b, compare(b, 'Equal', y, -Infinity), b.scalarLike(y, 0), y)
  }

  private maximum(x: Value, members: Value, axis: number): Value {
    const { b } = this
    return b.emit('ReduceMax', [where(b, members, x, -Infinity), b.ints([axis])], { keepdims: 0 })
  }

  /** Column `at` of the regions, the nearest pixel: [regions, 1]. */
  private column(rois: Value, at: number): Value {
    const { b, node } = this
    const column = b.emit('Gather', [rois, b.ints([at])], { axis: 1 })
    return this.floor(plus(b, b.scale(column, node.float('spatial_scale', 1)), 0.5))
  }

  /** Which pixels of an axis are in which bin of regions from `start` to `end`: [regions, 1, out, size]. */
  private members(start: Value, end: Value, out: number, size: Expr): Value {
    const { b } = this
    const extent = b.emit('Max', [plus(b, b.sub(end, start), 1), b.scalarLike(end, 1)])
    const bounds = [0, 1].map((step) => {
      const edges = b.constant(
        start.type!.dtype,
        [1, out],
        Array.from({ length: out }, (_, i) => i + step),
      )
      const edge = b.div(b.mul(edges, extent), b.scalarLike(extent, out))
      const whole = step === 0 ? this.floor(edge) : b.emit('Ceil', [edge])
      return b.emit('Unsqueeze', [b.add(whole, start), b.ints([1, 3])])
    })
    const count = b.reshape(b.dim(size), [])
    const line = b.emit('Range', [b.scalar('int64', 0), count, b.scalar('int64', 1)])
    const pixels = b.cast(line, start.type!.dtype)
    return b.emit('And', [
      compare(b, 'GreaterOrEqual', pixels, bounds[0]!),
      compare(b, 'Less', pixels, bounds[1]!),
    ])
  }

  private floor(x: Value): Value {
    return this.b.emit('Floor', [x])
  }
}

const pooledSize = (node: Node): readonly number[] => node.ints('pooled_shape') ?? []

/** Definitions of the operators on regions. */
export const region = {
  RoiAlign: {
    infer: inferRegions(alignedSize),
    grad: 'none',
    lower: (node, b) => [new Aligner(node, b).run()],
  },
  MaxRoiPool: {
    infer: inferRegions(pooledSize),
    grad: 'none',
    lower: (node, b) => [new Pooler(node, b).run()],
  },
} satisfies Record<string, OpDef>
