/** JSON lines: one object a line. Of the file, only the places of its lines are in memory. */
import { IOError } from '../../../src/errors.js'
import { decode, lineAt, lineEnds, Offsets, RandomAccessFile } from './file.js'
import type { Row, Rows, SourceFormat } from './source.js'

export const jsonl: SourceFormat = {
  extensions: ['.jsonl', '.ndjson'],
  open: (file) => new IndexedLines(RandomAccessFile.open(file), parseRow),
}

/** Lines of a file as records; lines of white space are none. */
export class IndexedLines implements Rows {
  readonly kind = 'rows'
  private readonly starts = new Offsets()
  private readonly ends = new Offsets()
  readonly columns: readonly string[]

  /** @param parse makes a record of a line; throws where it is none */
  constructor(
    private readonly file: RandomAccessFile,
    private readonly parse: (line: string) => Row,
  ) {
    let start = 0
    for (const end of lineEnds(file)) {
      if (!this.isBlank(start, end)) {
        this.starts.push(start)
        this.ends.push(end)
      }
      start = end
    }
    this.columns = this.length > 0 ? Object.keys(this.get(0)) : []
  }

  get length(): number {
    return this.starts.length
  }

  get(i: number): Row {
    const start = this.starts.at(i)
    const text = decode(this.file.read(start, this.ends.at(i)), this.file, start)
    try {
      return this.parse(text)
    } catch (error) {
      const why = (error as Error).message.replace(/\s+/g, ' ')
      throw new IOError('bad-row', `${this.where(i)}: ${why}: ${excerpt(text)}`)
    }
  }

  where(i: number): string {
    return `${this.file.file}:${lineAt(this.file, this.starts.at(i))}`
  }

  close(): void {
    this.file.close()
  }

  /** Only short lines are looked at: an object takes two characters. */
  private isBlank(start: number, end: number): boolean {
    return end - start < 16 && /^\s*$/.test(new TextDecoder().decode(this.file.read(start, end)))
  }
}

function parseRow(line: string): Row {
  const value: unknown = JSON.parse(line.trim())
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw new Error('expected an object, {"text": "…"} for example')
  }
  return value as Row
}

function excerpt(text: string): string {
  const line = text.trim()
  return line.length > 80 ? `${line.slice(0, 77)}…` : line
}
