/** Host tensors as values of the C API, and values as host tensors, neither with a copy. */
import { DropBPError } from '../../src/errors.js'
import { elementBytes, overBuffer, sizeOf, type HostTensor } from '../../src/host-tensor.js'
import type { ResultTensor } from '../session.js'
import { ELEMENT_TYPES } from './api.js'
import type { OrtLibrary } from './library.js'

const TYPE_NUMBERS = new Map(Object.entries(ELEMENT_TYPES).map(([number, dtype]) => [dtype, Number(number)]))

/** Results up to this many bytes are copied: cheaper than a view, and nobody has to release them. */
const COPIED_BYTES = 4096

/**
 * A value over a tensor's memory. Whoever makes it keeps the tensor until the value is released.
 * @throws DropBPError `tensor-type`
 */
export function valueOver(ort: OrtLibrary, { dtype, shape, data }: HostTensor): bigint {
  const type = TYPE_NUMBERS.get(dtype)
  if (type === undefined) throw unknownType(dtype)
  const dims = BigInt64Array.from(shape, BigInt)
  return ort.take(
    'CreateTensorWithDataAsOrtValue',
    ort.hostMemory,
    ort.address(data),
    data.byteLength,
    dims,
    dims.length,
    type,
  )
}

/** A computed value as a tensor, which owns it. @throws DropBPError `tensor-type` */
export function tensorOf(ort: OrtLibrary, value: bigint): ResultTensor {
  const { dtype, shape } = describe(ort, value)
  const bytes = sizeOf(shape) * elementBytes(dtype)
  const memory = ort.view(ort.take('GetTensorMutableData', value), bytes)
  if (bytes > COPIED_BYTES) return owning(ort, value, dtype, shape, memory)
  const data = overBuffer(dtype, memory.slice(0))
  ort.release('ReleaseValue', value)
  return { dtype, shape, data }
}

function describe(ort: OrtLibrary, value: bigint): { dtype: string; shape: number[] } {
  const info = ort.take('GetTensorTypeAndShape', value)
  try {
    const type = new Int32Array(1)
    ort.call('GetTensorElementType', info, type)
    const dtype = ELEMENT_TYPES[type[0]!]
    if (dtype === undefined) throw unknownType(`number ${type[0]}`)
    const dims = new BigInt64Array(Number(ort.take('GetDimensionsCount', info)))
    ort.call('GetDimensions', info, dims, dims.length)
    return { dtype, shape: Array.from(dims, Number) }
  } finally {
    ort.release('ReleaseTensorTypeAndShapeInfo', info)
  }
}

/**
 * A tensor over the value's own memory. The collector releases what nobody released: it watches the buffer, which arrays cut
 * out of it share.
 */
function owning(
  ort: OrtLibrary,
  value: bigint,
  dtype: string,
  shape: number[],
  memory: ArrayBuffer,
): ResultTensor {
  let data: HostTensor['data'] | undefined = overBuffer(dtype, memory)
  forgotten.register(memory, { ort, value }, memory)
  return {
    dtype,
    shape,
    get data() {
      if (data) return data
      throw new Error('internal error: a tensor is read that was released')
    },
    release() {
      if (!data) return
      forgotten.unregister(data.buffer)
      data = undefined
      ort.release('ReleaseValue', value)
    },
  }
}

const forgotten = new FinalizationRegistry<{ ort: OrtLibrary; value: bigint }>(({ ort, value }) =>
  ort.release('ReleaseValue', value),
)

function unknownType(dtype: string): DropBPError {
  return new DropBPError('tensor-type', `tensors of type ${dtype} cannot be given to the native session`)
}
