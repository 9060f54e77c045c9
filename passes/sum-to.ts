/** Sums a gradient that is broadcast to an output's shape down to its input's. */
import type { Builder } from '../src/builder.js'
import { Expr } from '../src/expr.js'
import type { Value } from '../src/ir.js'
import { isMinimumOf } from '../src/ops/support/shapes.js'
import { elementCount, sameShape, type Shape, type TensorType } from '../src/types.js'

/**
 * `gradient` summed over the axes along which `type` was broadcast.
 * @returns a value of exactly the shape of `type`
 */
export function sumTo(b: Builder, gradient: Value, type: TensorType): Value {
  const from = gradient.type?.shape
  const to = type.shape
  if (!from || !to || sameShape(from, to)) return gradient
  const extra = from.length - to.length
  if (extra < 0) return b.emit('Expand', [gradient, b.shape(to)])
  const leading = [...Array(extra).keys()]
  const ones = to.flatMap((d, i) => (d.constant === 1 && from[extra + i]!.constant !== 1 ? [extra + i] : []))
  const unknown = to.some(
    (d, i) => d.constant !== 1 && from[extra + i]!.constant === undefined && !isAlong(d, from[extra + i]!),
  )
  const axes = [...leading, ...ones]
  const summed = axes.length > 0 ? sumAxes(b, gradient, axes, from) : gradient
  const target = b.reshape(summed, dropped(from, to, extra, unknown))
  return unknown ? sumUnknown(b, target, to) : target
}

/** Whether a dimension that broadcasts to `whole` is as long: it is the same, or a table cut to its length. */
function isAlong(d: Expr, whole: Expr): boolean {
  return d.equals(whole) || isMinimumOf(d, whole)
}

/** The shape after the certain sums; where a dimension may or may not have been broadcast it is still the gradient's. */
function dropped(from: Shape, to: Shape, extra: number, unknown: boolean): Shape {
  return unknown ? to.map((d, i) => (d.constant === 1 ? d : from[extra + i]!)) : to
}

/** Column sums of a matrix are a product with ones, which stock runtimes compute faster than ReduceSum. */
function sumAxes(b: Builder, x: Value, axes: readonly number[], shape: Shape): Value {
  const isPrefix = axes.every((a, i) => a === i)
  const rest = shape.slice(axes.length)
  const columns = elementCount(rest)
  if (!isPrefix || columns.constant === undefined || columns.constant < 2) return b.sum(x, axes, true)
  const rows = elementCount(shape.slice(0, axes.length))
  const ones = b.full({ dtype: x.type!.dtype, shape: [Expr.one, rows] }, 1)
  return b.matmul(ones, b.reshape(x, [rows, columns]))
}

/** Sums the axes whose run-time sizes differ from the target's. */
function sumUnknown(b: Builder, x: Value, to: Shape): Value {
  const same = b.emit('Equal', [b.shape(x.type!.shape!), b.shape(to)])
  const axes = b.emit('NonZero', [b.emit('Not', [same])])
  const flat = b.emit('Reshape', [axes, b.ints([-1])])
  const summed = b.emit('ReduceSum', [x, flat], { keepdims: 1, noop_with_empty_axes: 1 })
  return b.reshape(summed, to)
}
