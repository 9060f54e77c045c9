/** Comma- and tab-separated values with a header line (RFC 4180), read by csv-parse. */
import { Readable } from 'node:stream'
import type { Info } from 'csv-parse'
import { IOError } from '../../../src/errors.js'
import { decode, lineEnds, RandomAccessFile } from './file.js'
import type { Row, Rows, SourceFormat } from './source.js'
import { storeRows, type PlacedRow } from './store.js'

export const csv: SourceFormat = { extensions: ['.csv'], open: (file) => open(file, ',') }

export const tsv: SourceFormat = { extensions: ['.tsv'], open: (file) => open(file, '\t') }

/** The parser is loaded here, so that only those who read such a file wait for it. */
async function open(file: string, delimiter: string): Promise<Rows> {
  const { CsvError } = await import('csv-parse')
  const source = RandomAccessFile.open(file)
  try {
    return await storeRows(records(source, delimiter), (line) => `${file}:${line}`)
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    throw new IOError('bad-row', `${file}: ${error.message}`, { cause: error })
  } finally {
    source.close()
  }
}

/** All values are strings. */
async function* records(source: RandomAccessFile, delimiter: string): AsyncGenerator<PlacedRow> {
  const { parse } = await import('csv-parse')
  const parser = parse({
    delimiter,
    bom: true,
    info: true,
    skip_empty_lines: true,
    columns: (header: string[]) => distinct(header, source.file),
  })
  const texts = Readable.from(pieces(source))
  // A pipe passes no errors on.
  texts.on('error', (error) => parser.destroy(error)).pipe(parser)
  for await (const item of parser) {
    const { record, info } = item as { record: Row; info: Info }
    yield [record, info.lines]
  }
}

/** The file as text, cut at line ends. */
function* pieces(source: RandomAccessFile): Generator<string> {
  let start = 0
  for (const end of lineEnds(source)) {
    if (end - start < 1 << 16 && end < source.size) continue
    yield decode(source.read(start, end), source, start)
    start = end
  }
}

function distinct(header: string[], file: string): string[] {
  const twice = header.find((name, i) => header.indexOf(name) !== i)
  if (twice !== undefined) throw new IOError('bad-row', `${file}:1: the column "${twice}" appears twice`)
  return header
}
