/** What gradient rules emit again and again. */
import type { Builder } from '../../builder.js'
import type { Value } from '../../ir.js'
import { elementCount, type Shape } from '../../types.js'

/** x + c. */
export function plus(b: Builder, x: Value, c: number): Value {
  return b.add(x, b.scalarLike(x, c))
}

/** 1 − x. */
export function oneMinus(b: Builder, x: Value): Value {
  return b.sub(b.scalarLike(x, 1), x)
}

export function square(b: Builder, x: Value): Value {
  return b.mul(x, x)
}

/** A comparison with another value or a number. */
export function compare(
  b: Builder,
  op: 'Greater' | 'GreaterOrEqual' | 'Less' | 'LessOrEqual' | 'Equal',
  x: Value,
  y: Value | number,
): Value {
  return b.emit(op, [x, typeof y === 'number' ? b.scalarLike(x, y) : y])
}

/** `x` where `mask` holds and `otherwise` elsewhere; unlike a product with the mask, infinities stay out. */
export function where(b: Builder, mask: Value, x: Value, otherwise: Value | number = 0): Value {
  return b.emit('Where', [mask, x, typeof otherwise === 'number' ? b.scalarLike(x, otherwise) : otherwise])
}

/** Calls `make` at the first use only, for what several thunks of a rule share. */
export function lazy<T>(make: () => T): () => T {
  let made: { value: T } | undefined
  return () => (made ??= { value: make() }).value
}

/** x / n with n the number of elements along the given dimensions. */
export function divideByCount(b: Builder, x: Value, dims: Shape): Value {
  const count = elementCount(dims)
  if (count.constant !== undefined) return b.scale(x, 1 / count.constant)
  return b.div(x, b.cast(b.dim(count), x.type!.dtype))
}

/** `x` with the dimensions that it is known to have, where its type rule cannot tell them. */
export function assume(x: Value, shape: Shape): Value {
  x.type = { dtype: x.type!.dtype, shape }
  return x
}

/** x·σ(x). */
export function silu(b: Builder, x: Value): Value {
  return b.mul(x, b.emit('Sigmoid', [x]))
}
