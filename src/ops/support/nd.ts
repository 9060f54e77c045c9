/** Dense float64 arrays for reference evaluation: everything is a walk over offsets, slow and plain. */
import type { NdArray } from '../../op.js'
import type { DType } from '../../types.js'

/** Number of elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((n, d) => n * d, 1)
}

/** An array from its elements, or filled with one number. */
export function nd(
  dtype: DType,
  shape: readonly number[],
  data: Float64Array | readonly number[] | number,
): NdArray {
  if (typeof data === 'number') return { dtype, shape, data: new Float64Array(sizeOf(shape)).fill(data) }
  if (data.length !== sizeOf(shape)) throw new Error(`nd: ${data.length} elements for shape [${shape}]`)
  return { dtype, shape, data: data instanceof Float64Array ? data : Float64Array.from(data) }
}

/** Row-major strides. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length)
  let step = 1
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = step
    step *= shape[i]!
  }
  return strides
}

/** Strides that read `from` as if it were broadcast to `to`. */
export function stridesFor(from: readonly number[], to: readonly number[]): number[] {
  const strides = stridesOf(from)
  const extra = to.length - from.length
  return to.map((_, i) => (i < extra || from[i - extra] === 1 ? 0 : strides[i - extra]!))
}

/** For every index of `shape` in row-major order, the offset it has under `strides`. */
export function offsets(shape: readonly number[], strides: readonly number[], start = 0): Int32Array {
  const out = new Int32Array(sizeOf(shape))
  const index = new Array<number>(shape.length).fill(0)
  let offset = start
  for (let i = 0; i < out.length; i++) {
    out[i] = offset
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      offset += strides[axis]!
      if (++index[axis]! < shape[axis]!) break
      offset -= strides[axis]! * shape[axis]!
      index[axis] = 0
    }
  }
  return out
}

/** The shape of arrays broadcast together. */
export function broadcastShape(shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(...shapes.map((s) => s.length))
  return Array.from({ length: rank }, (_, axis) => {
    const dims = shapes.flatMap((s) => s[axis - rank + s.length] ?? [])
    return dims.find((d) => d !== 1) ?? 1
  })
}

/** Applies a function to every element. */
export function map(x: NdArray, f: (x: number) => number): NdArray {
  return { ...x, data: x.data.map(f) }
}

/** Applies a function to corresponding elements of arrays that are broadcast together. */
export function zip(
  arrays: readonly NdArray[],
  f: (first: number, second: number, ...others: number[]) => number,
  dtype = arrays[0]!.dtype,
): NdArray {
  const shape = broadcastShape(arrays.map((a) => a.shape))
  const at = arrays.map((a) => offsets(shape, stridesFor(a.shape, shape)))
  const data = new Float64Array(sizeOf(shape))
  const call = f as (...x: number[]) => number
  for (let i = 0; i < data.length; i++) data[i] = call(...arrays.map((a, k) => a.data[at[k]![i]!]!))
  return { dtype, shape, data }
}

/** The elements at the given offsets, as an array of another shape. */
export function take(x: NdArray, shape: readonly number[], at: Int32Array): NdArray {
  return { dtype: x.dtype, shape, data: Float64Array.from(at, (i) => x.data[i]!) }
}

/** `x` repeated along broadcast axes. */
export function broadcastTo(x: NdArray, shape: readonly number[]): NdArray {
  return take(x, shape, offsets(shape, stridesFor(x.shape, shape)))
}

export function transpose(x: NdArray, perm: readonly number[]): NdArray {
  const strides = stridesOf(x.shape)
  const shape = perm.map((p) => x.shape[p]!)
  const at = offsets(
    shape,
    perm.map((p) => strides[p]!),
  )
  return take(x, shape, at)
}

export function reshape(x: NdArray, shape: readonly number[]): NdArray {
  return nd(x.dtype, shape, x.data)
}

/** Applies a function to the elements of every line (all indices along `axes`, the others fixed). */
export function reduce(
  x: NdArray,
  axes: readonly number[],
  keepdims: boolean,
  f: (line: Float64Array) => number,
): NdArray {
  const strides = stridesOf(x.shape)
  const kept = x.shape.map((d, i) => (axes.includes(i) ? 1 : d))
  const starts = offsets(kept, strides)
  const steps = offsets(
    axes.map((a) => x.shape[a]!),
    axes.map((a) => strides[a]!),
  )
  const data = Float64Array.from(starts, (start) =>
    f(Float64Array.from(steps, (step) => x.data[start + step]!)),
  )
  const shape = keepdims ? kept : x.shape.filter((_, i) => !axes.includes(i))
  return { dtype: x.dtype, shape, data }
}

/** Replaces every line along `axis` by a line of the same length. */
export function mapLines(x: NdArray, axis: number, f: (line: Float64Array) => ArrayLike<number>): NdArray {
  const step = stridesOf(x.shape)[axis]!
  const length = x.shape[axis]!
  const starts = offsets(
    x.shape.map((d, i) => (i === axis ? 1 : d)),
    stridesOf(x.shape),
  )
  const data = new Float64Array(x.data.length)
  for (const start of length > 0 ? starts : []) {
    const line = f(Float64Array.from({ length }, (_, i) => x.data[start + i * step]!))
    for (let i = 0; i < length; i++) data[start + i * step] = line[i]!
  }
  return { ...x, data }
}

/** Matrix product of the last two axes, the others broadcast; one-dimensional operands as in `MatMul`. */
export function matmul(a: NdArray, b: NdArray): NdArray {
  const left = a.shape.length === 1 ? reshape(a, [1, a.shape[0]!]) : a
  const right = b.shape.length === 1 ? reshape(b, [b.shape[0]!, 1]) : b
  const product = matmulBatched(left, right)
  const shape = [...product.shape]
  if (b.shape.length === 1) shape.pop()
  if (a.shape.length === 1) shape.splice(b.shape.length === 1 ? -1 : -2, 1)
  return reshape(product, shape)
}

function matmulBatched(a: NdArray, b: NdArray): NdArray {
  const [m, k] = a.shape.slice(-2) as [number, number]
  const n = b.shape.at(-1)!
  const batch = broadcastShape([a.shape.slice(0, -2), b.shape.slice(0, -2)])
  const atA = offsets(batch, stridesFor(a.shape.slice(0, -2), batch)).map((o) => o * m * k)
  const atB = offsets(batch, stridesFor(b.shape.slice(0, -2), batch)).map((o) => o * k * n)
  const data = new Float64Array(atA.length * m * n)
  for (let batchIndex = 0; batchIndex < atA.length; batchIndex++) {
    for (let i = 0; i < m; i++) {
      const row = (batchIndex * m + i) * n
      for (let p = 0; p < k; p++) {
        const x = a.data[atA[batchIndex]! + i * k + p]!
        const from = atB[batchIndex]! + p * n
        for (let j = 0; j < n; j++) data[row + j]! += x * b.data[from + j]!
      }
    }
  }
  return { dtype: a.dtype, shape: [...batch, m, n], data }
}
