/** Apache Parquet, read by hyparquet, one row group at a time. */
import type { AsyncBuffer, FileMetaData } from 'hyparquet'
import { DropBPError, IOError } from '../../../src/errors.js'
import { RandomAccessFile } from './file.js'
import type { Row, SourceFormat } from './source.js'
import { storeRows, type PlacedRow } from './store.js'

export const parquet: SourceFormat = {
  extensions: ['.parquet'],
  async open(file) {
    const source = RandomAccessFile.open(file)
    try {
      return await storeRows(records(source), (row) => `${file}: row ${row}`)
    } catch (error) {
      if (error instanceof DropBPError) throw error
      throw new IOError('not-parquet', `${file}: cannot be read as Parquet: ${(error as Error).message}`, {
        cause: error,
      })
    } finally {
      source.close()
    }
  },
}

/** The readers are loaded here, so that only those who read such a file wait for them. */
async function* records(source: RandomAccessFile): AsyncGenerator<PlacedRow> {
  const { parquetMetadataAsync, parquetReadObjects } = await import('hyparquet')
  const { compressors } = await import('hyparquet-compressors')
  const buffer: AsyncBuffer = {
    byteLength: source.size,
    slice: (start, end = source.size) => source.read(start, end).buffer,
  }
  const metadata: FileMetaData = await parquetMetadataAsync(buffer)
  let rowStart = 0
  for (const { num_rows } of metadata.row_groups) {
    const rowEnd = rowStart + Number(num_rows)
    const group = await parquetReadObjects({ file: buffer, metadata, compressors, rowStart, rowEnd })
    for (const [i, row] of group.entries()) yield [plain(row) as Row, rowStart + i]
    rowStart = rowEnd
  }
}

/** 64-bit integers as numbers, typed arrays as arrays: what JSON can hold. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value)
  if (ArrayBuffer.isView(value)) return Array.from(value as Int32Array, plain)
  if (Array.isArray(value)) return value.map(plain)
  if (value === null || typeof value !== 'object' || value instanceof Date) return value
  return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, plain(v)]))
}
