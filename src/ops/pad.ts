/** Pad in all modes; negative amounts crop. */
import type { Builder } from '../builder.js'
import { Expr } from '../expr.js'
import type { Node, Value } from '../ir.js'
import type { GradContext, InferContext, Inferred, NdArray, OpDef } from '../op.js'
import { elementCount, type Shape } from '../types.js'
import { build, offsetOf } from './support/build.js'
import { stridesOf } from './support/nd.js'
import { constants, moveKnown, normalizeAxes, shapeOf, typeOf } from './support/shapes.js'

function paddedAxes(node: Node, rank: number): number[] | undefined {
  const given = node.inputs[3]
  const axes = given ? constants(given) : Array.from({ length: rank }, (_, i) => i)
  return axes && normalizeAxes(node, axes, rank)
}

function inferPad(node: Node, ctx: InferContext): Inferred[] {
  const { dtype, shape } = typeOf(node.inputs[0])
  if (!shape) return [{ type: { dtype } }]
  const axes = paddedAxes(node, shape.length)
  const pads = node.inputs[1]?.known
  if (!axes) return [{ type: { dtype, shape: shape.map((_, axis) => ctx.unknownDim(0, axis)) } }]
  const dims = [...shape]
  axes.forEach((axis, i) => {
    const unknown = () => ctx.unknownDim(0, axis)
    dims[axis] = pads ? dims[axis]!.add(pads[i]!).add(pads[axes.length + i]!) : unknown()
  })
  return [{ type: { dtype, shape: dims }, known: moveKnown(node, evaluatePad, [0, 2], dims) }]
}

/** Where position `at` of the padded axis reads, given the `length` elements that are left of it; -1 outside. */
function sourceOf(mode: string, at: number, length: number): number {
  if (at >= 0 && at < length) return at
  if (mode === 'edge') return at < 0 ? 0 : length - 1
  if (mode === 'wrap') return ((at % length) + length) % length
  if (mode !== 'reflect') return -1
  if (length === 1) return 0
  const period = 2 * (length - 1)
  const folded = ((at % period) + period) % period
  return Math.min(folded, period - folded)
}

function evaluatePad(node: Node, [x, pads, fill, axes]: readonly (NdArray | undefined)[]): NdArray[] {
  const rank = x!.shape.length
  const chosen = normalizeAxes(node, axes ? [...axes.data] : [...x!.shape.keys()], rank)
  const [before, after] = [new Array<number>(rank).fill(0), new Array<number>(rank).fill(0)]
  chosen.forEach((axis, i) => {
    before[axis] = pads!.data[i]!
    after[axis] = pads!.data[chosen.length + i]!
  })
  const mode = node.string('mode', 'constant')
  const strides = stridesOf(x!.shape)
  const crop = before.map((p) => Math.max(-p, 0))
  const left = x!.shape.map((d, i) => d - crop[i]! - Math.max(-after[i]!, 0))
  const element = (index: readonly number[]) => {
    const source = index.map((j, i) => sourceOf(mode, j - Math.max(before[i]!, 0), left[i]!))
    if (source.includes(-1)) return fill?.data[0] ?? 0
    return x!.data[
      offsetOf(
        source.map((j, i) => j + crop[i]!),
        strides,
      )
    ]!
  }
  return [
    build(
      x!.dtype,
      x!.shape.map((d, i) => d + before[i]! + after[i]!),
      element,
    ),
  ]
}

/** The same amounts with opposite sign. */
function negated(b: Builder, pads: Value): Value {
  return pads.known ? b.shape(pads.known.map((p) => Expr.zero.sub(p))) : b.neg(pads)
}

/** The part of dy that x fills; where a negative amount cropped x, zeros. */
function unpadded(node: Node, { b, dy }: GradContext): Value {
  return b.emit('Pad', [dy(), negated(b, node.input(1)), null, node.inputs[3] ?? null])
}

/** dx of a padding that repeats x: x's positions, padded likewise, say where each element of dy belongs. */
function scatterPad(node: Node, { b, dy }: GradContext): Value {
  const x = node.input(0)
  const shape = shapeOf(node, x)
  const total = elementCount(shape)
  const positions = b.emit('Pad', [positionsOf(b, shape), node.input(1), null, node.inputs[3] ?? null], {
    mode: node.string('mode', 'constant'),
  })
  const flat = (v: Value) => b.emit('Reshape', [v, b.ints([-1])])
  const zeros = b.full({ dtype: x.type!.dtype, shape: [total] }, 0)
  return b.reshape(
    b.emit('ScatterElements', [zeros, flat(positions), flat(dy())], { reduction: 'add' }),
    shape,
  )
}

/** The flat position of every element of a shape, in that shape. */
export function positionsOf(b: Builder, shape: Shape): Value {
  const end = b.emit('Squeeze', [b.dim(elementCount(shape))])
  return b.reshape(b.emit('Range', [b.scalar('int64', 0), end, b.scalar('int64', 1)]), shape)
}

/** Definition of Pad. */
export const pad = {
  /** dx = dy without the padding; dvalue = Σ dy − Σ dx. A mode that repeats x adds the repetitions to it. */
  Pad: {
    infer: inferPad,
    grad: (node, g) => {
      const constant = node.string('mode', 'constant') === 'constant'
      const all = (v: Value) => g.b.emit('ReduceSum', [v], { keepdims: 0 })
      return [
        () => (constant ? unpadded(node, g) : scatterPad(node, g)),
        null,
        () => g.b.reshape(g.b.sub(all(g.dy()), all(unpadded(node, g))), shapeOf(node, node.input(2))),
        null,
      ]
    },
    evaluate: evaluatePad,
  },
} satisfies Record<string, OpDef>
