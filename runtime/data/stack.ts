/** What an example has as a whole, one on another: labels, and arrays of the data's own. */
import { DropBPError, UsageError } from '../../src/errors.js'
import { sizeOf, zeros, type HostTensor } from '../../src/host-tensor.js'
import type { TensorSpec } from '../../src/manifest.js'
import type { PackedRow } from './example.js'

/** Class numbers [rows], or regression targets [rows, …]. */
export function fillValues(spec: TensorSpec, rows: readonly PackedRow[]): HostTensor {
  const values = rows.map(([example]) => example?.values ?? [])
  const size = values[0]!.length
  const rest = spec.shape.slice(1).map((d) => (typeof d === 'number' ? d : size))
  if (sizeOf(rest) !== size || values.some((v) => v.length !== size)) {
    const got = [...new Set(values.map((v) => v.length))].join(' and ')
    throw new UsageError(
      'label-count',
      `an example has ${got} labels, the model takes [${spec.shape.join(', ')}]: ${sizeOf(rest)} for each`,
    )
  }
  const tensor = zeros(spec.dtype, [rows.length, ...rest])
  const put = setter(tensor)
  values.forEach((row, r) => {
    for (let i = 0; i < size; i++) put(r * size + i, row[i]!)
  })
  return tensor
}

/** Tensors of one shape, one on another. Whole numbers are taken in any width. */
export function stackArrays(spec: TensorSpec, rows: readonly PackedRow[], name: string): HostTensor {
  const parts = rows.map(([example]) => example?.arrays?.[name])
  const [first] = parts
  if (!first) {
    throw new DropBPError(
      'unsupported-data',
      `the model's input "${spec.name}" ${spec.dtype} [${spec.shape.join(', ')}] is none that tokens fill, and the data has no ` +
        'column of this name; give arrays, or the Trainer batches of your own',
    )
  }
  const tensor = zeros(spec.dtype, [rows.length, ...first.shape])
  const size = sizeOf(first.shape)
  const put = setter(tensor)
  parts.forEach((part, r) => {
    if (part?.data.length !== size || (isBits(part.dtype) && part.dtype !== spec.dtype)) {
      throw new UsageError(
        'array-shape',
        `"${name}": ${part?.dtype} [${part?.shape.join(', ')}] does not go beside ${first.dtype} [${first.shape.join(', ')}] into ${spec.dtype}`,
      )
    }
    for (let i = 0; i < size; i++) put(r * size + i, Number(part.data[i]))
  })
  return tensor
}

const isBits = (dtype: string): boolean => dtype === 'float16' || dtype === 'bfloat16'

/** Writes numbers into a tensor of any type. */
export function setter({ data }: HostTensor): (i: number, value: number) => void {
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
    return (i, value) => (data[i] = BigInt(value))
  }
  return (i, value) => (data[i] = value)
}
