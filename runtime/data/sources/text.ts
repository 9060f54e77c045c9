/** UTF-8 text: one sequence, or with `lines` one record a line. */
import { decode, lineEnds, Offsets, RandomAccessFile } from './file.js'
import { IndexedLines } from './jsonl.js'
import type { SourceFormat, TextFile } from './source.js'

/** Pieces are about this many bytes, and longer where a line is. */
const PIECE = 1 << 16

export const text = {
  extensions: ['.txt', '.text', '.md'],
  open: (file: string): TextFile => new TextPieces(RandomAccessFile.open(file)),
} satisfies SourceFormat

export const lines: SourceFormat = {
  extensions: [],
  open: (file) =>
    new IndexedLines(RandomAccessFile.open(file), (line) => ({ text: line.replace(/\r?\n$/, '') })),
}

class TextPieces implements TextFile {
  readonly kind = 'text'
  private readonly ends = new Offsets()

  constructor(private readonly source: RandomAccessFile) {
    let start = 0
    for (const end of lineEnds(source)) {
      if (end - start < PIECE && end < source.size) continue
      this.ends.push(end)
      start = end
    }
  }

  get file(): string {
    return this.source.file
  }

  get length(): number {
    return this.ends.length
  }

  get(i: number): string {
    const start = i === 0 ? 0 : this.ends.at(i - 1)
    return decode(this.source.read(start, this.ends.at(i)), this.source, start).replaceAll('\r\n', '\n')
  }

  close(): void {
    this.source.close()
  }
}
