/** Choosing by value: TopK, ArgMax, ArgMin, OneHot. */
import { Expr } from '../expr.js'
import type { Node, Value } from '../ir.js'
import type { GradContext, InferContext, Inferred, NdArray, OpDef } from '../op.js'
import { build, forEachIndex, offsetOf } from './support/build.js'
import { nd, stridesOf } from './support/nd.js'
import { constant, constantNumbers, normalizeAxis, shapeOf, typeOf } from './support/shapes.js'

function inferTopK(node: Node, ctx: InferContext): Inferred[] {
  const { dtype, shape } = typeOf(node.inputs[0])
  const axis = shape && normalizeAxis(node, node.int('axis', -1), shape.length)
  const k = node.inputs[1]?.known?.[0]
  const dims = (output: number) => shape?.with(axis!, k ?? ctx.unknownDim(output, axis!))
  return [{ type: { dtype, shape: dims(0) } }, { type: { dtype: 'int64', shape: dims(1) } }]
}

/** Positions of a line's elements by value; equal ones in order of position. */
function ranked(line: readonly number[], largest: boolean): number[] {
  const sign = largest ? -1 : 1
  return [...line.keys()].sort((i, j) => sign * (line[i]! - line[j]!) || i - j)
}

function evaluateTopK(node: Node, [x, k]: readonly (NdArray | undefined)[]): NdArray[] {
  const axis = normalizeAxis(node, node.int('axis', -1), x!.shape.length)
  const strides = stridesOf(x!.shape)
  const shape = x!.shape.with(axis, k!.data[0]!)
  const largest = node.int('largest', 1) !== 0
  const [values, indices] = [nd(x!.dtype, shape, 0), nd('int64', shape, 0)]
  forEachIndex(shape, (index, flat) => {
    const first = offsetOf(index.with(axis, 0), strides)
    const line = Array.from({ length: x!.shape[axis]! }, (_, i) => x!.data[first + i * strides[axis]!]!)
    const at = ranked(line, largest)[index[axis]!]!
    values.data[flat] = line[at]!
    indices.data[flat] = at
  })
  return [values, indices]
}

/** dx = ScatterElements(0, indices, dy). */
function topKBack(node: Node, { b, dy, saved }: GradContext): Value {
  const x = node.input(0)
  const zeros = b.full({ dtype: x.type!.dtype, shape: shapeOf(node, x) }, 0)
  const indices = saved(1, { dtype: 'int64', shape: shapeOf(node, node.output()) })
  return b.emit('ScatterElements', [zeros, indices, dy()], { axis: node.int('axis', -1) })
}

/** The position of the extreme element along an axis. */
function argument(better: (x: number, y: number) => boolean): OpDef {
  const kept = <T>(node: Node, shape: readonly T[], one: T): T[] => {
    const axis = normalizeAxis(node, node.int('axis', 0), shape.length)
    return node.int('keepdims', 1) ? shape.with(axis, one) : shape.toSpliced(axis, 1)
  }
  const evaluate = (node: Node, [x]: readonly (NdArray | undefined)[]): NdArray[] => {
    const axis = normalizeAxis(node, node.int('axis', 0), x!.shape.length)
    const strides = stridesOf(x!.shape)
    const last = node.int('select_last_index', 0) !== 0
    const best = build('int64', x!.shape.with(axis, 1), (index) => {
      const first = offsetOf(index, strides)
      let at = 0
      for (let i = 1; i < x!.shape[axis]!; i++) {
        const [candidate, champion] = [
          x!.data[first + i * strides[axis]!]!,
          x!.data[first + at * strides[axis]!]!,
        ]
        if (better(candidate, champion) || (last && candidate === champion)) at = i
      }
      return at
    })
    return [{ ...best, shape: kept(node, x!.shape, 1) }]
  }
  return {
    infer: (node) => {
      const shape = typeOf(node.inputs[0]).shape
      return [{ type: { dtype: 'int64', shape: shape && kept(node, shape, Expr.one) } }]
    },
    grad: 'none',
    evaluate,
  }
}

function inferOneHot(node: Node, ctx: InferContext): Inferred[] {
  const shape = typeOf(node.inputs[0]).shape
  const dtype = typeOf(node.inputs[2]).dtype
  if (!shape) return [{ type: { dtype } }]
  const axis = normalizeAxis(node, node.int('axis', -1), shape.length + 1)
  const depth = node.inputs[1]?.known?.[0] ?? floatDepth(node)
  return [{ type: { dtype, shape: shape.toSpliced(axis, 0, depth ?? ctx.unknownDim(0, axis)) } }]
}

/** The depth of a OneHot whose depth is a constant float. */
function floatDepth(node: Node): Expr | undefined {
  const depth = constant(node.inputs[1]) ?? constantNumbers(node.inputs[1])?.[0]
  return depth === undefined ? undefined : Expr.of(Math.trunc(depth))
}

function evaluateOneHot(node: Node, [indices, depth, values]: readonly (NdArray | undefined)[]): NdArray[] {
  const axis = normalizeAxis(node, node.int('axis', -1), indices!.shape.length + 1)
  const size = Math.trunc(depth!.data[0]!)
  const strides = stridesOf(indices!.shape)
  const element = (index: readonly number[]) => {
    const at = indices!.data[offsetOf(index.toSpliced(axis, 1), strides)]!
    return values!.data[(at < 0 ? at + size : at) === index[axis] ? 1 : 0]!
  }
  return [build(values!.dtype, indices!.shape.toSpliced(axis, 0, size), element)]
}

/** dvalues = [Σ dy where off, Σ dy where on]. */
function oneHotBack(node: Node, { b, dy }: GradContext): Value {
  const dtype = node.input(2).type!.dtype
  const mask = b.emit('OneHot', [node.input(0), node.input(1), b.constant(dtype, [2], [0, 1])], {
    axis: node.int('axis', -1),
  })
  const total = (x: Value) => b.reshape(b.emit('ReduceSum', [x], { keepdims: 0 }), [Expr.one])
  const on = total(b.mul(dy(), mask))
  return b.emit('Concat', [b.sub(total(dy()), on), on], { axis: 0 })
}

/** Definitions of the operators that choose by value. */
export const top = {
  TopK: { infer: inferTopK, grad: (node, g) => [() => topKBack(node, g), null], evaluate: evaluateTopK },
  ArgMax: argument((x, y) => x > y),
  ArgMin: argument((x, y) => x < y),
  OneHot: {
    infer: inferOneHot,
    grad: (node, g) => [null, null, () => oneHotBack(node, g)],
    evaluate: evaluateOneHot,
  },
} satisfies Record<string, OpDef>
