/** NumPy arrays (format 1.0 to 3.0): integers of rank 1 are a token sequence, others one record a row. */
import fs from 'node:fs'
import path from 'node:path'
import { IOError } from '../../../src/errors.js'
import { elementBytes, sizeOf } from '../../../src/host-tensor.js'
import { arrayRows, FileArray, isTokens, tokenSequence } from './arrays.js'
import { RandomAccessFile } from './file.js'
import type { Rows, SourceFormat, TokenSequence } from './source.js'

export const npy = {
  extensions: ['.npy'],
  open(file: string): Rows | TokenSequence {
    const array = openNpy(file)
    return isTokens(array) ? tokenSequence(array) : arrayRows(new Map([[columnOf(file, array), array]]), file)
  },
} satisfies SourceFormat

/** The `.npy` files of a directory, each named as the input of the model that it fills; `labels.npy` the labels. */
export function openDirectory(directory: string): Rows {
  const files = fs.readdirSync(directory).filter((name) => name.endsWith('.npy'))
  if (files.length === 0) {
    throw new IOError(
      'no-arrays',
      `${directory} holds no .npy file; name a file, or a directory of arrays that are named as the model's inputs`,
    )
  }
  const arrays = files.sort().map((name) => [name.slice(0, -4), openNpy(path.join(directory, name))] as const)
  return arrayRows(new Map(arrays), directory)
}

/** A matrix of integers that is not named as something else holds tokens. */
function columnOf(file: string, { dtype, shape }: FileArray): string {
  return shape.length === 2 && /int/.test(dtype) ? 'input_ids' : path.basename(file, '.npy')
}

const MAGIC = '\x93NUMPY'

/** Element types by their NumPy descriptors. */
const DESCRIPTORS: Readonly<Record<string, string>> = {
  '|b1': 'bool',
  '|u1': 'uint8',
  '|i1': 'int8',
  '<u2': 'uint16',
  '<i2': 'int16',
  '<u4': 'uint32',
  '<i4': 'int32',
  '<u8': 'uint64',
  '<i8': 'int64',
  '<f2': 'float16',
  '<f4': 'float32',
  '<f8': 'float64',
}

/** An array that stays in its file. @throws IOError `not-npy` */
export function openNpy(file: string): FileArray {
  const source = RandomAccessFile.open(file)
  const bad = (why: string): IOError => {
    source.close()
    return new IOError('not-npy', `${file}: not a NumPy array: ${why}`)
  }
  const start = Buffer.from(source.read(0, Math.min(12, source.size)))
  if (start.byteLength < 12 || start.toString('latin1', 0, 6) !== MAGIC) throw bad('it does not start as one')
  const wide = start[6]! >= 2
  const from = wide ? 12 : 10
  const end = from + (wide ? start.readUInt32LE(8) : start.readUInt16LE(8))
  if (end > source.size) throw bad('its header is cut')
  const header = Buffer.from(source.read(from, end)).toString('latin1')
  const descr = /'descr':\s*'([^']+)'/.exec(header)?.[1] ?? 'unknown'
  const dtype = Object.hasOwn(DESCRIPTORS, descr) ? DESCRIPTORS[descr]! : undefined
  if (dtype === undefined)
    throw bad(`its type is ${descr}, expected one of ${Object.keys(DESCRIPTORS).join(', ')}`)
  if (/'fortran_order':\s*True/.test(header))
    throw bad('it is in Fortran order; save it with numpy.ascontiguousarray')
  const shape = (/'shape':\s*\(([^)]*)\)/.exec(header)?.[1] ?? '').match(/\d+/g)?.map(Number) ?? []
  const bytes = sizeOf(shape) * elementBytes(dtype)
  if (source.size - end !== bytes)
    throw bad(`it should hold ${bytes} bytes of data, it has ${source.size - end}`)
  return new FileArray(source, end, dtype, shape)
}
