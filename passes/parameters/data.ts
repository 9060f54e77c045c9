/** Comparisons of weight data, on the stored bits and up to the first difference. */
import type { Tensor } from '../../src/tensor.js'
import { elementSize } from '../../src/types.js'

/** The elements as bit patterns. */
function bits(data: Tensor): Uint16Array | Uint32Array | BigUint64Array {
  const bytes = data.bytes()
  const width = elementSize(data.dtype)
  const aligned = bytes.byteOffset % width === 0 ? bytes : new Uint8Array(bytes)
  const { buffer, byteOffset } = aligned
  if (width === 2) return new Uint16Array(buffer, byteOffset, data.size)
  return width === 4
    ? new Uint32Array(buffer, byteOffset, data.size)
    : new BigUint64Array(buffer, byteOffset, data.size)
}

/** Whether all elements are equal: all ones, all zeros. */
export function isUniform(data: Tensor): boolean {
  return bits(data).every((x, _i, all) => x === all[0])
}

export function isEqual(a: Tensor, b: Tensor): boolean {
  if (a.dtype !== b.dtype || String(a.shape) !== String(b.shape)) return false
  return Buffer.compare(a.bytes(), b.bytes()) === 0
}

/** Whether two tensors hold the same elements in the same order under different shapes. */
export function isReshaped(a: Tensor, b: Tensor): boolean {
  if (a.dtype !== b.dtype || a.size !== b.size || String(a.shape) === String(b.shape)) return false
  return Buffer.compare(a.bytes(), b.bytes()) === 0
}

/** Whether two matrices hold the same numbers, one transposed. */
export function isTransposed(a: Tensor, b: Tensor): boolean {
  const [rows, columns] = a.shape
  if (a.dtype !== b.dtype || a.shape.length !== 2 || rows !== b.shape[1] || columns !== b.shape[0])
    return false
  const [x, y] = [bits(a), bits(b)]
  for (let i = 0, at = 0; i < rows!; i++)
    for (let j = 0; j < columns!; j++, at++) if (x[at] !== y[j * rows! + i]) return false
  return true
}

const TOLERANCE = 1e-3

/**
 * Whether a table [positions, features] holds sines and cosines of one angle each: in two halves, or interleaved. Rows of
 * zeros (padding) do not count.
 */
export function isSinusoidal(data: Tensor): boolean {
  const [rows, columns] = data.shape.slice(-2)
  if (data.shape.length < 2 || data.size !== rows! * columns! || columns! % 2 !== 0 || rows! < 2) return false
  const half = columns! / 2
  // Large tables that are not sinusoidal are told by their first rows.
  const isPaired = (x: Float64Array): boolean =>
    isPairedBy(x, columns!, (k) => [k, k + half]) || isPairedBy(x, columns!, (k) => [2 * k, 2 * k + 1])
  return isPaired(data.head(4 * columns!)) && isPaired(data.numbers())
}

function isPairedBy(
  x: Float64Array,
  columns: number,
  pair: (k: number) => readonly [number, number],
): boolean {
  const turning = new Set<number>()
  for (let at = 0; at < x.length; at += columns) {
    if (x.subarray(at, at + columns).every((v) => v === 0)) continue
    for (let k = 0; k < columns / 2; k++) {
      const [a, b] = pair(k)
      if (Math.abs(Math.hypot(x[at + a]!, x[at + b]!) - 1) > TOLERANCE) return false
    }
    turning.add(x[at + pair(0)[0]]!)
  }
  return turning.size > 1
}
