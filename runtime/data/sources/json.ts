/** A JSON array of objects; a file that starts otherwise is taken for JSON lines. */
import { IOError } from '../../../src/errors.js'
import { decode, RandomAccessFile } from './file.js'
import { jsonl } from './jsonl.js'
import type { Row, Rows, Source, SourceFormat } from './source.js'

export const json: SourceFormat = {
  extensions: ['.json'],
  open(file, options): Source | Promise<Source> {
    const source = RandomAccessFile.open(file)
    try {
      const start = new TextDecoder().decode(source.read(0, Math.min(source.size, 64)))
      return start.trimStart().startsWith('[') ? readArray(source) : jsonl.open(file, options)
    } finally {
      source.close()
    }
  },
}

function readArray(source: RandomAccessFile): Rows {
  const { file } = source
  const rows = parseArray(decode(source.read(0, source.size), source, 0), file)
  const wrong = rows.findIndex((row) => row === null || typeof row !== 'object' || Array.isArray(row))
  if (wrong >= 0)
    throw new IOError('bad-row', `${file}: element ${wrong} is no object: ${JSON.stringify(rows[wrong])}`)
  return {
    kind: 'rows',
    length: rows.length,
    columns: rows.length > 0 ? Object.keys(rows[0] as Row) : [],
    get: (i) => rows[i] as Row,
    where: (i) => `${file}: element ${i}`,
    close: () => undefined,
  }
}

function parseArray(text: string, file: string): unknown[] {
  try {
    return JSON.parse(text) as unknown[]
  } catch (error) {
    throw new IOError('bad-row', `${file}: not JSON: ${(error as Error).message}`)
  }
}
