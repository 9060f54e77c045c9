/** Col2Im: columns of blocks summed into the image that they were cut from. */
import type { Node, Value } from '../ir.js'
import {
  invalid,
  type GradContext,
  type InferContext,
  type Inferred,
  type NdArray,
  type OpDef,
} from '../op.js'
import { Expr } from '../expr.js'
import { elementCount } from '../types.js'
import { forEachIndex, offsetOf } from './support/build.js'
import { sizeOf, stridesOf } from './support/nd.js'
import { constants, shapeOf, sizesKnown, typeOf } from './support/shapes.js'

function inferCol2Im(node: Node, ctx: InferContext): Inferred[] {
  const { dtype, shape } = typeOf(node.inputs[0])
  const block = node.inputs[2]?.known
  const image = sizesKnown(node.inputs[1], ctx)
  if (!shape || !image) return [{ type: { dtype } }]
  const channels = block ? shape[1]!.div(elementCount(block)) : ctx.unknownDim(0, 1)
  return [{ type: { dtype, shape: [shape[0]!, channels, ...image] } }]
}

/** For every element of a block and every position of it, the pixel of the image; −1 in the padding. */
function pixels(node: Node, image: readonly number[], block: readonly number[]): number[] {
  const rank = image.length
  const [dilations, strides] = ['dilations', 'strides'].map(
    (name) => node.ints(name) ?? new Array<number>(rank).fill(1),
  )
  const pads = node.ints('pads') ?? new Array<number>(2 * rank).fill(0)
  const steps = image.map(
    (d, i) =>
      Math.floor((d + pads[i]! + pads[rank + i]! - dilations![i]! * (block[i]! - 1) - 1) / strides![i]!) + 1,
  )
  const found: number[] = []
  const at = stridesOf(image)
  forEachIndex([...block, ...steps], (index) => {
    const place = image.map((_, i) => index[rank + i]! * strides![i]! - pads[i]! + index[i]! * dilations![i]!)
    found.push(place.every((p, i) => p >= 0 && p < image[i]!) ? offsetOf(place, at) : -1)
  })
  return found
}

function evaluateCol2Im(node: Node, [x, image, block]: readonly (NdArray | undefined)[]): NdArray[] {
  const size = sizeOf([...image!.data])
  const targets = pixels(node, [...image!.data], [...block!.data])
  const channels = x!.shape[1]! / sizeOf([...block!.data])
  const data = new Float64Array(x!.shape[0]! * channels * size)
  x!.data.forEach((value, i) => {
    const target = targets[i % targets.length]!
    if (target >= 0) data[Math.floor(i / targets.length) * size + target]! += value
  })
  return [{ dtype: x!.dtype, shape: [x!.shape[0]!, channels, ...image!.data], data }]
}

/** dx = the columns of dy: each pixel read wherever a block held it, zero where a block held padding. */
function col2ImBack(node: Node, { b, dy }: GradContext): Value {
  const [image, block] = [constants(node.inputs[1]), constants(node.inputs[2])]
  if (!image || !block) throw invalid(node, 'a constant image and block', 'computed ones')
  const [batch, channels] = shapeOf(node, node.output())
  const size = sizeOf(image)
  const flat = b.reshape(dy(), [batch!, channels!, Expr.of(size)])
  const padded = b.emit('Pad', [flat, b.ints([0, 1]), null, b.ints([2])])
  const sources = pixels(node, image, block).map((p) => (p < 0 ? size : p))
  return b.reshape(b.emit('Gather', [padded, b.ints(sources)], { axis: 2 }), shapeOf(node, node.input(0)))
}

/** Definition of Col2Im. */
export const col2im = {
  Col2Im: {
    infer: inferCol2Im,
    grad: (node, g) => [() => col2ImBack(node, g), null, null],
    evaluate: evaluateCol2Im,
  },
} satisfies Record<string, OpDef>
