/** Tensors made from shapes and sizes: Shape, Size, Range, ConstantOfShape, EyeLike. */
import { dtypeOf } from '../builder.js'
import { Expr } from '../expr.js'
import { KNOWN_LIMIT } from '../infer.js'
import type { Node } from '../ir.js'
import type { Inferred, InferContext, NdArray, OpDef } from '../op.js'
import { Tensor } from '../tensor.js'
import { elementCount, type DType } from '../types.js'
import { build } from './support/build.js'
import { nd } from './support/nd.js'
import { constantNumbers, followed, maxOf, sizesKnown, typeOf } from './support/shapes.js'

/** The axes that `start` and `end` of a Shape node select, of `rank`. */
function shapeRange(node: Node, rank: number): [number, number] {
  const clamp = (axis: number) => Math.min(Math.max(axis < 0 ? axis + rank : axis, 0), rank)
  return [clamp(node.int('start', 0)), clamp(node.int('end', rank))]
}

function inferShape(node: Node, ctx: InferContext): Inferred[] {
  const shape = typeOf(node.inputs[0]).shape
  if (!shape) return [{ type: { dtype: 'int64', shape: [ctx.unknownDim(0, 0)] } }]
  const known = shape.slice(...shapeRange(node, shape.length))
  return [{ type: { dtype: 'int64', shape: [Expr.of(known.length)] }, known }]
}

function inferSize(node: Node): Inferred[] {
  const shape = typeOf(node.inputs[0]).shape
  return [{ type: { dtype: 'int64', shape: [] }, known: shape && [elementCount(shape)] }]
}

/** `max(0, ceil((limit - start) / delta))`. */
function rangeLength(start: Expr, limit: Expr, delta: Expr): Expr | undefined {
  const step = delta.constant
  if (step === undefined || step === 0) return undefined
  const span = step > 0 ? limit.sub(start) : start.sub(limit)
  return maxOf(span.ceilDiv(Math.abs(step)), Expr.zero)
}

function inferRange(node: Node, ctx: InferContext): Inferred[] {
  const dtype = typeOf(node.inputs[0]).dtype
  const [start, limit, delta] = node.inputs.map((v) => v?.known?.[0])
  const length = start && limit && delta ? rangeLength(start, limit, delta) : constantRangeLength(node)
  const type = { dtype, shape: [length ?? ctx.unknownDim(0, 0)] }
  const n = length?.constant
  const known = start && delta && n !== undefined && followed(type)
  return [{ type, known: known ? Array.from({ length: n }, (_, i) => start.add(delta.mul(i))) : undefined }]
}

/** The length of a range whose bounds are constant floats. */
function constantRangeLength(node: Node): Expr | undefined {
  const [start, limit, delta] = node.inputs.map((v) => constantNumbers(v)?.[0])
  if (start === undefined || limit === undefined || !delta) return undefined
  return Expr.of(Math.max(0, Math.ceil((limit - start) / delta)))
}

function evaluateRange(_node: Node, [start, limit, delta]: readonly (NdArray | undefined)[]): NdArray[] {
  const [from, to, step] = [start!.data[0]!, limit!.data[0]!, delta!.data[0]!]
  const length = Math.max(0, Math.ceil((to - from) / step))
  return [build(start!.dtype, [length], ([i]) => from + i! * step)]
}

/** The fill value of ConstantOfShape: a float zero by default. */
function fillOf(node: Node): Tensor {
  const value = node.attributes.get('value')
  return value?.type === 'tensor' ? value.value : Tensor.scalar('float32', 0)
}

function inferConstantOfShape(node: Node, ctx: InferContext): Inferred[] {
  const fill = fillOf(node)
  const type = { dtype: fill.dtype, shape: sizesKnown(node.inputs[0], ctx) }
  const total = type.shape && elementCount(type.shape).constant
  const known = followed(type)
    ? new Array<Expr>(Math.min(total!, KNOWN_LIMIT)).fill(Expr.of(fill.item()))
    : undefined
  return [{ type, known }]
}

function eyeType(node: Node): DType {
  const dtype = node.attributes.get('dtype')
  return dtype?.type === 'int' ? dtypeOf(dtype.value) : typeOf(node.inputs[0]).dtype
}

/** Definitions of the operators that make tensors from shapes. */
export const shape = {
  Shape: {
    infer: inferShape,
    grad: 'none',
    evaluate: (node, [x]) => {
      const dims = x!.shape.slice(...shapeRange(node, x!.shape.length))
      return [nd('int64', [dims.length], dims)]
    },
  },
  Size: {
    infer: inferSize,
    grad: 'none',
    evaluate: (_node, [x]) => [nd('int64', [], [x!.data.length])],
  },
  /** y_i = start + i·delta; dstart = Σ dy, ddelta = Σ i·dy. */
  Range: {
    infer: inferRange,
    grad: (node, { b, dy }) => [
      () => b.sum(dy(), [0], false),
      null,
      () => {
        const { dtype, shape } = node.output().type!
        const positions = b.emit('Range', [
          b.scalar('int64', 0),
          b.emit('Squeeze', [b.shape(shape!)]),
          b.scalar('int64', 1),
        ])
        return b.sum(b.mul(dy(), b.cast(positions, dtype)), [0], false)
      },
    ],
    evaluate: evaluateRange,
  },
  ConstantOfShape: {
    infer: inferConstantOfShape,
    grad: 'none',
    evaluate: (node, [dims]) => {
      const fill = fillOf(node)
      return [nd(fill.dtype, [...dims!.data], fill.item())]
    },
  },
  EyeLike: {
    infer: (node) => [{ type: { dtype: eyeType(node), shape: typeOf(node.inputs[0]).shape } }],
    grad: 'none',
    evaluate: (node, [x]) => [
      build(eyeType(node), x!.shape, ([i, j]) => (j! - i! === node.int('k', 0) ? 1 : 0)),
    ],
  },
} satisfies Record<string, OpDef>
