/** Arrays in files, read row by row: as one token sequence, or as records of tensors. */
import { IOError } from '../../../src/errors.js'
import { bytesOf, elementBytes, sizeOf, zeros, type HostTensor } from '../../../src/host-tensor.js'
import type { RandomAccessFile } from './file.js'
import type { Row, Rows, TokenSequence, Tokens } from './source.js'

/** A row-major, little-endian array at a place of a file. */
export class FileArray {
  constructor(
    readonly source: RandomAccessFile,
    /** Bytes before its first element. */
    private readonly offset: number,
    readonly dtype: string,
    readonly shape: readonly number[],
  ) {}

  /** Elements `start` … `end` − 1 in row-major order, as a tensor of shape [end − start]. */
  elements(start: number, end: number): HostTensor {
    const width = elementBytes(this.dtype)
    const tensor = zeros(this.dtype, [end - start])
    bytesOf(tensor).set(this.source.read(this.offset + start * width, this.offset + end * width))
    return tensor
  }

  /** The same elements as an array of rank 1. */
  flat(): FileArray {
    return new FileArray(this.source, this.offset, this.dtype, [sizeOf(this.shape)])
  }

  /** Row `i` of the first axis, of shape `shape.slice(1)`. */
  row(i: number): HostTensor {
    const shape = this.shape.slice(1)
    const size = sizeOf(shape)
    return { ...this.elements(i * size, (i + 1) * size), shape }
  }
}

const TOKEN_TYPES = new Set(['uint8', 'uint16', 'uint32', 'int32', 'int64', 'uint64'])

/** Whether an array is one sequence of token numbers: integers of rank 1. */
export function isTokens({ dtype, shape }: Pick<FileArray, 'dtype' | 'shape'>): boolean {
  return shape.length === 1 && TOKEN_TYPES.has(dtype)
}

/** An array of integers of rank 1 as a token sequence that stays in its file. */
export function tokenSequence(array: FileArray): TokenSequence {
  return {
    kind: 'tokens',
    length: array.shape[0]!,
    read: (start, end) => narrow(array.elements(start, end).data as Tokens | BigInt64Array),
    close: () => array.source.close(),
  }
}

/**
 * Records of which column `name` of record `i` is row `i` of the array `name`.
 * @throws IOError `array-lengths` where the arrays differ in their number of rows
 */
export function arrayRows(arrays: ReadonlyMap<string, FileArray>, where: string): Rows {
  const [first, ...rest] = [...arrays]
  if (!first) throw new IOError('no-arrays', `${where}: holds no array`)
  for (const [name, { shape }] of [first, ...rest]) {
    if (shape.length > 0 && shape[0] === first[1].shape[0]) continue
    throw new IOError(
      'array-lengths',
      `${where}: "${name}" is of shape [${shape.join(', ')}], "${first[0]}" of shape [${first[1].shape.join(', ')}]; ` +
        'the first axis of all of them counts the examples',
    )
  }
  return {
    kind: 'rows',
    length: first[1].shape[0]!,
    columns: [...arrays.keys()],
    get: (i): Row => Object.fromEntries([...arrays].map(([name, array]) => [name, array.row(i)])),
    where: (i) => `${where}: row ${i}`,
    close: () => new Set([...arrays.values()].map((a) => a.source)).forEach((source) => source.close()),
  }
}

/** 64-bit tokens as 32-bit ones; what does not fit becomes −1, which every range check refuses. */
function narrow(values: Tokens | BigInt64Array | BigUint64Array): Tokens {
  if (!(values instanceof BigInt64Array || values instanceof BigUint64Array)) return values
  return Int32Array.from(values as BigInt64Array, (x) => (x >= 0n && x < 0x80000000n ? Number(x) : -1))
}
