/** Building arrays index by index, for the reference evaluation of operators that move elements. */
import type { NdArray } from '../../op.js'
import type { DType } from '../../types.js'
import { sizeOf } from './nd.js'

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
  const total = sizeOf(shape)
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
  const data = new Float64Array(sizeOf(shape))
  forEachIndex(shape, (index, flat) => (data[flat] = element(index, flat)))
  return { dtype, shape, data }
}
