/** Small helpers over dense float64 arrays, for the reference evaluation of operators. */
import type { NdArray } from '../op.js'
import type { DType } from '../types.js'

/** An array from a shape and its elements; zeros where none are given. */
export function ndarray(dtype: DType, shape: readonly number[], data?: ArrayLike<number>): NdArray {
  return {
    dtype,
    shape,
    data:
      data instanceof Float64Array ? data : data ? Float64Array.from(data) : new Float64Array(count(shape)),
  }
}

/** The product of dimensions. */
export function count(shape: readonly number[]): number {
  return shape.reduce((n, d) => n * d, 1)
}

/** Row-major strides. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length)
  let stride = 1
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = stride
    stride *= shape[i]!
  }
  return strides
}

/** The flat position of an index. */
export function offsetOf(index: readonly number[], strides: readonly number[]): number {
  let at = 0
  for (let i = 0; i < strides.length; i++) at += index[i]! * strides[i]!
  return at
}

/** Calls `visit` with every index of `shape` in row-major order; the index array is reused. */
export function forEachIndex(
  shape: readonly number[],
  visit: (index: readonly number[], flat: number) => void,
): void {
  const index = shape.map(() => 0)
  const total = count(shape)
  for (let flat = 0; flat < total; flat++) {
    visit(index, flat)
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis]! === shape[axis]; axis--) index[axis] = 0
  }
}

/** An array whose elements are computed from their indices; the index array is reused. */
export function build(
  dtype: DType,
  shape: readonly number[],
  element: (index: readonly number[], flat: number) => number,
): NdArray {
  const result = ndarray(dtype, shape)
  forEachIndex(shape, (index, flat) => (result.data[flat] = element(index, flat)))
  return result
}

/** NumPy broadcasting of static shapes. */
export function broadcastStatic(...shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(...shapes.map((s) => s.length))
  return Array.from({ length: rank }, (_, i) => {
    const dims = shapes.map((s) => s[i - (rank - s.length)] ?? 1)
    return dims.find((d) => d !== 1) ?? 1
  })
}

/** Strides that read `shape` as if it were broadcast to a shape of rank `rank`. */
export function broadcastStrides(shape: readonly number[], rank: number): number[] {
  const own = stridesOf(shape).map((s, i) => (shape[i] === 1 ? 0 : s))
  return [...new Array<number>(rank - shape.length).fill(0), ...own]
}
