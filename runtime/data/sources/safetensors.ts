/** safetensors: a single array of integers of rank 1 is a token sequence, else record `i` is row `i` of every tensor. */
import { SafetensorsFile } from '../../../src/safetensors.js'
import { arrayRows, FileArray, isTokens, tokenSequence } from './arrays.js'
import { RandomAccessFile } from './file.js'
import type { Rows, SourceFormat, TokenSequence } from './source.js'

export const safetensors = {
  extensions: ['.safetensors'],
  open(file: string): Rows | TokenSequence {
    const header = SafetensorsFile.open(file)
    header.close()
    const source = RandomAccessFile.open(file)
    const arrays = header.names.map((name) => {
      const { dtype, shape, start } = header.describe(name)
      return [name, new FileArray(source, start, dtype, shape)] as const
    })
    const [only] = arrays
    if (only && arrays.length === 1 && isTokens(only[1])) return tokenSequence(only[1])
    return arrayRows(new Map(arrays), file)
  },
} satisfies SourceFormat
