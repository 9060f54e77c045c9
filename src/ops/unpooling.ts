/** The inverse of max pooling. */
import { Expr } from '../expr.js'
import type { Node } from '../ir.js'
import type { InferContext, Inferred, OpDef } from '../op.js'
import { elementCount, type Shape } from '../types.js'
import { nd } from './support/nd.js'
import { shapeOf, sizesKnown } from './support/shapes.js'

/** Definition of MaxUnpool. */
export const unpooling = {
  /** y = x at its positions, 0 elsewhere; dx = dy at x's positions. Inputs: x, positions in y, shape of y (optional). */
  MaxUnpool: {
    infer: inferUnpool,
    grad: (node, { b, dy }) => [
      () => {
        const [shape, whole] = [shapeOf(node, node.input(0)), shapeOf(node, node.output())]
        const flat = b.reshape(dy(), [elementCount(whole)])
        const at = b.reshape(node.input(1), [elementCount(shape)])
        return b.reshape(b.emit('GatherElements', [flat, at], { axis: 0 }), shape)
      },
      null,
      null,
    ],
    evaluate: (node, [x, positions, size]) => {
      const shape = size ? [...size.data] : unpooled(node, x!.shape.map(Expr.of)).map((d) => d.constant!)
      const y = nd(x!.dtype, shape, 0)
      x!.data.forEach((v, i) => (y.data[positions!.data[i]!] = v))
      return [y]
    },
  },
} satisfies Record<string, OpDef>

function inferUnpool(node: Node, ctx: InferContext): Inferred[] {
  const type = node.input(0).type
  if (!type?.shape) return type ? [{ type }] : []
  const shape = node.inputs[2] ? sizesKnown(node.inputs[2], ctx) : unpooled(node, type.shape)
  return [{ type: { dtype: type.dtype, shape } }]
}

/** The shape whose pooling has this one. */
function unpooled(node: Node, shape: Shape): Shape {
  const kernel = node.ints('kernel_shape')!
  const [strides, pads] = [node.ints('strides'), node.ints('pads')]
  return shape.map((d, axis) => {
    if (axis < 2) return d
    const i = axis - 2
    const padding = (pads?.[i] ?? 0) + (pads?.[kernel.length + i] ?? 0)
    return d
      .sub(1)
      .mul(strides?.[i] ?? 1)
      .add(kernel[i]! - padding)
  })
}
