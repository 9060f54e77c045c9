/** Tensor data: a lazy view on bytes that becomes numbers when somebody needs them. */
import { CompileError } from './errors.js'
import { elementSize, type DType } from './types.js'

/** Number arrays that tensor data is read into; integers are exact up to 2^53. */
export type Numbers = Float64Array

/** Immutable tensor data; little-endian, row-major. */
export class Tensor {
  /**
   * @param load returns exactly `size * elementSize(dtype)` bytes; called at every use, so it may read a file
   */
  constructor(
    readonly dtype: DType,
    readonly shape: readonly number[],
    private readonly load: () => Uint8Array,
  ) {}

  /** Data from numbers, rounded to `dtype`; saturates int64 beyond 2^53 at the type's limits. */
  static of(dtype: DType, shape: readonly number[], values: ArrayLike<number>): Tensor {
    const bytes = encode(dtype, values)
    const tensor = new Tensor(dtype, shape, () => bytes)
    if (values.length !== tensor.size)
      throw new Error(`Tensor.of: ${values.length} values for shape [${shape}]`)
    return tensor
  }

  static scalar(dtype: DType, value: number): Tensor {
    return Tensor.of(dtype, [], [value])
  }

  get size(): number {
    return this.shape.reduce((n, d) => n * d, 1)
  }

  get byteLength(): number {
    return this.size * elementSize(this.dtype)
  }

  /** The raw bytes; do not write to them. */
  bytes(): Uint8Array {
    const bytes = this.load()
    if (bytes.byteLength !== this.byteLength) {
      throw new CompileError(
        'tensor-size',
        `tensor ${this.dtype}[${this.shape}] needs ${this.byteLength} bytes, its data has ${bytes.byteLength}`,
      )
    }
    return bytes
  }

  /** The elements as numbers (bool as 0 and 1); int64 beyond ±2^53 saturates there. */
  numbers(): Numbers {
    return decode(this.dtype, this.bytes(), this.size)
  }

  /** The first `count` elements as numbers. */
  head(count: number): Numbers {
    const size = Math.min(count, this.size)
    return decode(this.dtype, this.bytes().subarray(0, size * elementSize(this.dtype)), size)
  }

  /** The single element of a scalar or one-element tensor. */
  item(): number {
    return this.numbers()[0]!
  }

  /** The same data under another shape of equal size. */
  reshaped(shape: readonly number[]): Tensor {
    return new Tensor(this.dtype, shape, this.load)
  }
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

const MAX = BigInt(Number.MAX_SAFE_INTEGER)

function saturate(value: bigint): number {
  return Number(value > MAX ? MAX : value < -MAX ? -MAX : value)
}

function decode(dtype: DType, bytes: Uint8Array, size: number): Numbers {
  const v = view(bytes)
  const read = READERS[dtype]
  if (!read)
    throw new CompileError('tensor-type', `the values of a ${dtype} tensor cannot be read as numbers`)
  const width = elementSize(dtype)
  if (dtype === 'float32' && bytes.byteOffset % width === 0) {
    return new Float64Array(new Float32Array(bytes.buffer, bytes.byteOffset, size))
  }
  const out = new Float64Array(size)
  for (let i = 0; i < size; i++) out[i] = read(v, i * width)
  return out
}

function encode(dtype: DType, values: ArrayLike<number>): Uint8Array {
  const write = WRITERS[dtype]
  if (!write) throw new CompileError('tensor-type', `a ${dtype} tensor cannot be made from numbers`)
  const width = elementSize(dtype)
  const bytes = new Uint8Array(values.length * width)
  const v = view(bytes)
  for (let i = 0; i < values.length; i++) write(v, i * width, values[i]!)
  return bytes
}

const READERS: Partial<Record<DType, (v: DataView, at: number) => number>> = {
  float32: (v, at) => v.getFloat32(at, true),
  float64: (v, at) => v.getFloat64(at, true),
  float16: (v, at) => halfToNumber(v.getUint16(at, true)),
  bfloat16: (v, at) => bfloat16ToNumber(v.getUint16(at, true)),
  int8: (v, at) => v.getInt8(at),
  int16: (v, at) => v.getInt16(at, true),
  int32: (v, at) => v.getInt32(at, true),
  int64: (v, at) => saturate(v.getBigInt64(at, true)),
  uint8: (v, at) => v.getUint8(at),
  uint16: (v, at) => v.getUint16(at, true),
  uint32: (v, at) => v.getUint32(at, true),
  uint64: (v, at) => saturate(v.getBigUint64(at, true)),
  bool: (v, at) => (v.getUint8(at) ? 1 : 0),
}

const INT64_LIMIT = 9223372036854775807n

function toInt64(x: number): bigint {
  if (x >= Number.MAX_SAFE_INTEGER) return INT64_LIMIT
  if (x <= -Number.MAX_SAFE_INTEGER) return -INT64_LIMIT
  return BigInt(Math.trunc(x))
}

const WRITERS: Partial<Record<DType, (v: DataView, at: number, x: number) => void>> = {
  float32: (v, at, x) => v.setFloat32(at, x, true),
  float64: (v, at, x) => v.setFloat64(at, x, true),
  float16: (v, at, x) => v.setUint16(at, numberToHalf(x), true),
  bfloat16: (v, at, x) => v.setUint16(at, numberToBfloat16(x), true),
  int8: (v, at, x) => v.setInt8(at, x),
  int16: (v, at, x) => v.setInt16(at, x, true),
  int32: (v, at, x) => v.setInt32(at, x, true),
  int64: (v, at, x) => v.setBigInt64(at, toInt64(x), true),
  uint8: (v, at, x) => v.setUint8(at, x),
  uint16: (v, at, x) => v.setUint16(at, x, true),
  uint32: (v, at, x) => v.setUint32(at, x, true),
  uint64: (v, at, x) => v.setBigUint64(at, toInt64(x), true),
  bool: (v, at, x) => v.setUint8(at, x ? 1 : 0),
}

/**
 * Half-precision data as float32, made when somebody reads it. The numbers are the same.
 * @param tensor float16 or bfloat16
 */
export function widened(tensor: Tensor): Tensor {
  const table = tensor.dtype === 'float16' ? halfToNumber : bfloat16ToNumber
  const wide = new Tensor('float32', tensor.shape, () => {
    const bytes = tensor.bytes()
    const v = view(bytes)
    const out = new Float32Array(tensor.size)
    for (let i = 0; i < out.length; i++) out[i] = table(v.getUint16(2 * i, true))
    return new Uint8Array(out.buffer)
  })
  NARROW.set(wide, tensor)
  return wide
}

/** The half-precision data that `widened` made this of. */
export function narrowed(tensor: Tensor): Tensor | undefined {
  return NARROW.get(tensor)
}

const NARROW = new WeakMap<Tensor, Tensor>()

const scratch = new DataView(new ArrayBuffer(4))

/** The value of bfloat16 bits: the upper half of a float32. */
function bfloat16ToNumber(bits: number): number {
  scratch.setUint32(0, bits << 16)
  return scratch.getFloat32(0)
}

/** Round to nearest even (bfloat16). */
export function numberToBfloat16(x: number): number {
  scratch.setFloat32(0, x)
  const bits = scratch.getUint32(0)
  if (Number.isNaN(x)) return 0x7fc0
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16
}

/** The value of IEEE 754 binary16 bits. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction ? NaN : sign * Infinity
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

/** Round to nearest even (IEEE 754 binary16). */
export function numberToHalf(x: number): number {
  if (Number.isNaN(x)) return 0x7e00
  const sign = x < 0 || Object.is(x, -0) ? 0x8000 : 0
  const a = Math.abs(x)
  if (a >= 65520) return sign | 0x7c00
  const exponent = Math.max(Math.floor(Math.log2(a || 2 ** -25)), -14)
  const units = roundEven(a / 2 ** (exponent - 10))
  return sign | (units + (exponent + 14) * 1024)
}

function roundEven(x: number): number {
  const floor = Math.floor(x)
  const rest = x - floor
  if (rest !== 0.5) return Math.round(x)
  return floor % 2 === 0 ? floor : floor + 1
}
