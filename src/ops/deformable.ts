/** DeformConv by way of its parts: sampling at moved places, and a product with the weights. */
import type { Builder } from '../builder.js'
import { Expr } from '../expr.js'
import type { Node, Value } from '../ir.js'
import { invalid, type Inferred, type OpDef } from '../op.js'
import { elementCount, type Shape } from '../types.js'
import { plus } from './support/emit.js'
import { shapeOf, typeOf } from './support/shapes.js'

/** [N, output channels, …] with the spatial dimensions of the offsets. */
function inferDeformable(node: Node): Inferred[] {
  const { dtype, shape } = typeOf(node.inputs[0])
  const [channels, offset] = [typeOf(node.inputs[1]).shape?.[0], typeOf(node.inputs[2]).shape]
  return [
    { type: { dtype, shape: shape && channels && offset && [shape[0]!, channels, ...offset.slice(2)] } },
  ]
}

class Deformable {
  /** Spatial sizes of the image, the kernel and the result, and their products. */
  private readonly size: Shape
  private readonly kernel: number[]
  private readonly out: Shape
  private readonly taps: number
  private readonly points: Expr
  private readonly offsetGroups: number

  constructor(
    private readonly node: Node,
    private readonly b: Builder,
  ) {
    this.size = shapeOf(node, node.input(0)).slice(2)
    this.out = shapeOf(node, node.input(2)).slice(2)
    this.kernel = shapeOf(node, node.input(1))
      .slice(2)
      .map((d) => d.constant ?? NaN)
    if (this.kernel.some(Number.isNaN)) throw invalid(node, 'a kernel of known size', `[${this.kernel}]`)
    this.taps = this.kernel.reduce((n, k) => n * k, 1)
    this.points = elementCount(this.out)
    this.offsetGroups = node.int('offset_group', 1)
  }

  run(): Value {
    const { b, node, taps, points, out } = this
    const [x, w, bias] = [node.input(0), node.input(1), node.inputs[3]]
    const [batch, channels] = shapeOf(node, x) as [Expr, Expr]
    const [features, depth] = shapeOf(node, w) as [Expr, Expr]
    const groups = node.int('group', 1)
    const rows = depth.mul(taps)
    const columns = b.reshape(this.masked(batch, channels), [batch, Expr.of(groups), rows, points])
    const weights = b.reshape(w, [Expr.one, Expr.of(groups), features.div(groups), rows])
    const y = b.reshape(b.matmul(weights, columns), [batch, features, ...out])
    return bias ? b.add(y, b.reshape(bias, [features, ...out.map(() => Expr.one)])) : y
  }

  /** The pixels that every tap of the kernel sees, times the mask: [N, offset groups, C / offset groups, taps, points]. */
  private masked(batch: Expr, channels: Expr): Value {
    const { b, node, taps, points } = this
    const groups = Expr.of(this.offsetGroups)
    const all = batch.mul(groups)
    const each = channels.div(this.offsetGroups)
    const images = b.reshape(node.input(0), [all, each, ...this.size])
    const sampled = b.emit('GridSample', [images, this.grid(all)], { mode: 'linear' })
    const seen = b.reshape(sampled, [batch, groups, each, Expr.of(taps), points])
    const mask = node.inputs[4]
    return mask ? b.mul(seen, b.reshape(mask, [batch, groups, Expr.one, Expr.of(taps), points])) : seen
  }

  /** Places of all taps at all points as GridSample wants them, last axis first: [N · offset groups, taps · out₀, …, axes]. */
  private grid(all: Expr): Value {
    const { b, node, taps, out } = this
    const rank = Expr.of(out.length)
    const offset = b.reshape(node.input(2), [all, Expr.of(taps), rank, ...out])
    const axes = this.kernel.map((_, axis) => this.axis(offset, axis))
    const grid = b.emit('Concat', axes.reverse(), { axis: -1 })
    return b.reshape(grid, [all, out[0]!.mul(taps), ...out.slice(1), rank])
  }

  /** Normalised places along one axis: [N · offset groups, taps, out…, 1]. */
  private axis(offset: Value, axis: number): Value {
    const { b, out, taps, node } = this
    const { dtype } = offset.type!
    const own = b.emit('Gather', [offset, b.scalar('int64', axis)], { axis: 2 })
    const [stride, pad] = [node.ints('strides')?.[axis] ?? 1, node.ints('pads')?.[axis] ?? 0]
    const end = b.reshape(b.dim(out[axis]!), [])
    const index = b.cast(b.emit('Range', [b.scalar('int64', 0), end, b.scalar('int64', 1)]), dtype)
    const regular = b.reshape(
      plus(b, b.scale(index, stride), -pad),
      out.map((d, i) => (i === axis ? d : Expr.one)),
    )
    const steps = b.constant(dtype, [taps, ...out.map(() => 1)], this.tapOffsets(axis))
    const place = b.add(own, b.add(steps, regular))
    const size = b.cast(b.reshape(b.dim(this.size[axis]!), []), dtype)
    const normal = plus(b, b.div(plus(b, b.scale(place, 2), 1), size), -1)
    return b.emit('Unsqueeze', [normal, b.ints([-1])])
  }

  /** Where along an axis each tap of the kernel looks. */
  private tapOffsets(axis: number): number[] {
    const dilation = this.node.ints('dilations')?.[axis] ?? 1
    const inner = this.kernel.slice(axis + 1).reduce((n, k) => n * k, 1)
    return Array.from(
      { length: this.taps },
      (_, i) => (Math.floor(i / inner) % this.kernel[axis]!) * dilation,
    )
  }
}

/** Definition of the deformable convolution. */
export const deformable = {
  DeformConv: { infer: inferDeformable, grad: 'none', lower: (node, b) => [new Deformable(node, b).run()] },
} satisfies Record<string, OpDef>
