/** Records of a format that can be read from the front only, kept so that they can be read in any order. */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { guarded, writeFully } from '../../../src/files.js'
import { Offsets, RandomAccessFile } from './file.js'
import type { Row, Rows } from './source.js'

/** Characters of records that are kept in memory; more go to a temporary file. */
const IN_MEMORY = 32 << 20

/** A record and where it is in its file: `:17` for line 17, say. */
export type PlacedRow = readonly [row: Row, place: number]

/**
 * Goes through records once and keeps them: in memory while they are small, else in a file in the system's temporary
 * directory ($TMPDIR), which is gone when the process ends.
 * @param where names the place of a record in messages
 */
export async function storeRows(
  records: Iterable<PlacedRow> | AsyncIterable<PlacedRow>,
  where: (place: number) => string,
  inMemory = IN_MEMORY,
): Promise<Rows> {
  const store = new RowStore(where, inMemory)
  try {
    for await (const [row, place] of records) store.add(row, place)
    store.finish()
    return store
  } catch (error) {
    store.close()
    throw error
  }
}

class RowStore implements Rows {
  readonly kind = 'rows'
  columns: readonly string[] = []
  private readonly places = new Offsets()
  /** Records as JSON, and their number of characters; empty once they are in the file. */
  private waiting: string[] = []
  private characters = 0
  private spill: Spill | undefined

  constructor(
    private readonly describe: (place: number) => string,
    private readonly inMemory: number,
  ) {}

  get length(): number {
    return this.places.length
  }

  add(row: Row, place: number): void {
    if (this.length === 0) this.columns = Object.keys(row)
    this.places.push(place)
    const json = JSON.stringify(row)
    this.waiting.push(json)
    this.characters += json.length
    if (this.characters > this.inMemory) this.flush()
  }

  /** No more records come. */
  finish(): void {
    if (this.spill) this.flush()
  }

  get(i: number): Row {
    return JSON.parse(this.spill ? this.spill.read(i) : this.waiting[i]!) as Row
  }

  where(i: number): string {
    return this.describe(this.places.at(i))
  }

  close(): void {
    this.spill?.close()
  }

  private flush(): void {
    this.spill ??= new Spill()
    for (const json of this.waiting) this.spill.write(json)
    this.waiting = []
    this.characters = 0
  }
}

/** A file without a name, where the system allows it. */
class Spill {
  private readonly directory = guarded(os.tmpdir(), 'write', () =>
    fs.mkdtempSync(path.join(os.tmpdir(), 'dropbp-data-')),
  )
  private readonly file = path.join(this.directory, 'rows')
  private readonly fd = guarded(this.file, 'write', () => fs.openSync(this.file, 'wx+', 0o600))
  private readonly ends = new Offsets()
  private readonly reader = RandomAccessFile.open(this.file)
  private size = 0

  constructor() {
    try {
      fs.rmSync(this.directory, { recursive: true, force: true })
    } catch {
      // Windows keeps the names of open files: there the directory goes when it is closed.
    }
  }

  write(text: string): void {
    const bytes = Buffer.from(text)
    guarded(this.file, 'write', () => writeFully(this.fd, bytes))
    this.size += bytes.byteLength
    this.ends.push(this.size)
  }

  read(i: number): string {
    return Buffer.from(this.reader.read(i === 0 ? 0 : this.ends.at(i - 1), this.ends.at(i)).buffer).toString()
  }

  close(): void {
    this.reader.close()
    fs.closeSync(this.fd)
    fs.rmSync(this.directory, { recursive: true, force: true })
  }
}
