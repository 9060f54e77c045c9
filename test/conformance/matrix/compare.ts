/** Arithmetic of comparisons. */
import type { HostTensor } from '../../../src/host-tensor.js'

/** ‖g − reference‖ / ‖reference‖ that counts as equal in float32. */
export const TOLERANCE = 1e-4

type Numbers = HostTensor['data']

/** ‖got − expected‖ / ‖expected‖; a gradient that is zero but for rounding (a key's bias) is measured against `scale`. */
export function relativeError(got: Numbers, expected: Numbers, scale: number): number {
  if (got.length !== expected.length) return Infinity
  const difference = Float64Array.from({ length: got.length }, (_, i) => Number(got[i]) - Number(expected[i]))
  return norm(difference) / Math.max(norm(expected), 1e-3 * scale)
}

/** Euclidean norm. */
export function norm(values: Numbers | Float64Array): number {
  let sum = 0
  for (const x of values) sum += Number(x) ** 2
  return Math.sqrt(sum)
}

/** A matrix with its last two axes exchanged. */
export function transposed({ data, shape }: HostTensor): Float32Array {
  const [rows, columns] = shape.slice(-2) as [number, number]
  const area = rows * columns
  return Float32Array.from({ length: data.length }, (_, i) => {
    const at = i % area
    return Number(data[i - at + (at % rows) * columns + Math.floor(at / rows)])
  })
}

/** Number of elements. */
export function sizeOf({ shape }: HostTensor): number {
  return shape.reduce((size, dim) => size * dim, 1)
}
