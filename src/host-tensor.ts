/** Host tensors: typed arrays with a type and a shape, as ONNX Runtime's JavaScript bindings hold them. */
import { DropBPError } from './errors.js'
import { halfToNumber, numberToBfloat16, numberToHalf, type Tensor } from './tensor.js'

/** Arrays that hold tensor elements; float16 and bfloat16 are kept as their bits. */
export type TypedArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array

/** A tensor in host memory, row-major. */
export interface HostTensor {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly data: TypedArray
}

const ARRAYS = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
} as const

/** Product of the dimensions. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((n, d) => n * d, 1)
}

/** Bytes of one element of `dtype`. */
export function elementBytes(dtype: string): number {
  return arrayClass(dtype).BYTES_PER_ELEMENT
}

/** A tensor of zeros on its own buffer. */
export function zeros(dtype: string, shape: readonly number[]): HostTensor {
  return { dtype, shape: [...shape], data: new (arrayClass(dtype))(sizeOf(shape)) }
}

/** The elements of a tensor over a whole buffer, shared with it. */
export function overBuffer(dtype: string, buffer: ArrayBuffer): TypedArray {
  return new (arrayClass(dtype))(buffer)
}

/** A scalar tensor. */
export function scalar(dtype: 'float32' | 'float64' | 'bool', value: number | boolean): HostTensor {
  const tensor = zeros(dtype, [])
  tensor.data[0] = Number(value)
  return tensor
}

/** An int64 scalar tensor of an integer. */
export function int64(value: number): HostTensor {
  return { dtype: 'int64', shape: [], data: BigInt64Array.of(BigInt(value)) }
}

/** A copy of a model's tensor. */
export function hostOf(tensor: Tensor): HostTensor {
  const host = zeros(tensor.dtype, tensor.shape)
  bytesOf(host).set(tensor.bytes())
  return host
}

/** The bytes of a tensor, shared with it. */
export function bytesOf(tensor: HostTensor): Uint8Array {
  const { buffer, byteOffset, byteLength } = tensor.data
  return new Uint8Array(buffer, byteOffset, byteLength)
}

/** The elements of an integer tensor as numbers, one at a time. */
export function elementAt(tensor: HostTensor, index: number): number {
  return Number(tensor.data[index])
}

/** The floating-point elements of `tensor`; float32 and float64 are returned as they are, without a copy. */
export function floatsOf(tensor: HostTensor): Float32Array | Float64Array {
  if (tensor.data instanceof Float32Array || tensor.data instanceof Float64Array) return tensor.data
  if (tensor.dtype !== 'float16' && tensor.dtype !== 'bfloat16') throw noFloats(tensor.dtype)
  const bits = tensor.data as Uint16Array
  return tensor.dtype === 'float16' ? Float32Array.from(bits, halfToNumber) : fromBfloat16(bits)
}

/** A floating-point tensor in another such type, rounded to nearest even; the tensor itself where it has it. */
export function converted(tensor: HostTensor, dtype: string): HostTensor {
  if (tensor.dtype === dtype) return tensor
  const from = floatsOf(tensor)
  const result = zeros(dtype, tensor.shape)
  const encode = dtype === 'float16' ? numberToHalf : dtype === 'bfloat16' ? numberToBfloat16 : Number
  for (let i = 0; i < from.length; i++) result.data[i] = encode(from[i]!)
  return result
}

function arrayClass(dtype: string): (typeof ARRAYS)[keyof typeof ARRAYS] {
  if (!Object.hasOwn(ARRAYS, dtype)) {
    throw new DropBPError(
      'tensor-type',
      `tensors of type "${dtype}" cannot be held; known: ${Object.keys(ARRAYS).join(', ')}`,
    )
  }
  return ARRAYS[dtype as keyof typeof ARRAYS]
}

function noFloats(dtype: string): DropBPError {
  return new DropBPError('tensor-type', `expected a floating-point tensor, got ${dtype}`)
}

/** bfloat16 is the upper half of a float32. */
function fromBfloat16(bits: Uint16Array): Float32Array {
  const words = new Uint32Array(bits.length)
  for (let i = 0; i < bits.length; i++) words[i] = bits[i]! << 16
  return new Float32Array(words.buffer)
}
