/** Raw little-endian token numbers, without a header. */
import { IOError } from '../../../src/errors.js'
import { elementBytes } from '../../../src/host-tensor.js'
import { FileArray, tokenSequence } from './arrays.js'
import { RandomAccessFile } from './file.js'
import type { SourceFormat, SourceOptions, TokenSequence } from './source.js'

export const bin = {
  extensions: ['.bin'],
  /** @throws IOError `not-tokens` */
  open(file: string, { binType = 'uint16' }: SourceOptions): TokenSequence {
    const source = RandomAccessFile.open(file)
    const count = source.size / elementBytes(binType)
    if (Number.isInteger(count)) return tokenSequence(new FileArray(source, 0, binType, [count]))
    source.close()
    throw new IOError('not-tokens', `${file}: ${source.size} bytes are no whole number of ${binType} tokens`)
  },
} satisfies SourceFormat
