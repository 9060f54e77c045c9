/** Reading a file in parts: bytes at a place, lines with their places, strict UTF-8. */
import fs from 'node:fs'
import { IOError } from '../../../src/errors.js'
import { guarded, readExactly } from '../../../src/files.js'

/** An open file that is read at any place. */
export class RandomAccessFile {
  private constructor(
    readonly file: string,
    private readonly fd: number,
    /** Bytes. */
    readonly size: number,
  ) {}

  /** @throws IOError `missing-file`, `no-permission`, `read-failed` */
  static open(file: string): RandomAccessFile {
    return guarded(file, 'read', () => {
      const fd = fs.openSync(file, 'r')
      return new RandomAccessFile(file, fd, fs.fstatSync(fd).size)
    })
  }

  /** Bytes `start` … `end` − 1, on a buffer of their own. */
  read(start: number, end: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(end - start)
    guarded(this.file, 'read', () => readExactly(this.fd, bytes, start, this.file))
    return bytes
  }

  close(): void {
    fs.closeSync(this.fd)
  }
}

/** Bytes that are read at once when a file is gone through. */
const CHUNK = 1 << 20

/** The offset after every line end of a file, and its size where the last line has none, in constant memory. */
export function* lineEnds(source: RandomAccessFile): Generator<number> {
  for (let at = 0; at < source.size; at += CHUNK) {
    const bytes = source.read(at, Math.min(source.size, at + CHUNK))
    for (let i = bytes.indexOf(NEWLINE); i >= 0; i = bytes.indexOf(NEWLINE, i + 1)) yield at + i + 1
    const last = at + bytes.byteLength === source.size
    if (last && bytes.at(-1) !== NEWLINE) yield source.size
  }
}

const NEWLINE = 0x0a

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** The number, from 1, of the line that holds a byte. */
export function lineAt(source: RandomAccessFile, offset: number): number {
  let line = 1
  for (const end of lineEnds(source)) {
    if (end > offset) break
    line++
  }
  return line
}

/**
 * Text from bytes that lie at `offset` of a file; a byte order mark is left out.
 * @throws IOError `not-utf8`, with the line
 */
export function decode(bytes: Uint8Array, source: RandomAccessFile, offset: number): string {
  try {
    return utf8.decode(bytes)
  } catch {
    const first = source.size > 1 ? source.read(0, 2) : []
    const wide = (first[0] === 0xff && first[1] === 0xfe) || (first[0] === 0xfe && first[1] === 0xff)
    const at = wide ? 0 : offset + firstInvalid(bytes)
    throw new IOError(
      'not-utf8',
      `${source.file}:${lineAt(source, at)}: ${wide ? 'the file is UTF-16' : `byte ${at} is no UTF-8`}; ` +
        'convert the file to UTF-8, with iconv for example',
    )
  }
}

/** Offset of the first byte that is decoded as a replacement character without being one. */
function firstInvalid(bytes: Uint8Array): number {
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
  for (let at = text.indexOf(REPLACEMENT); at >= 0; at = text.indexOf(REPLACEMENT, at + 1)) {
    const offset = Buffer.byteLength(text.slice(0, at))
    if (bytes[offset] !== 0xef || bytes[offset + 1] !== 0xbf || bytes[offset + 2] !== 0xbd) return offset
  }
  return 0
}

const REPLACEMENT = '\ufffd'

/** Offsets of records, eight bytes each, growing. */
export class Offsets {
  private values = new Float64Array(1024)
  length = 0

  push(value: number): void {
    if (this.length === this.values.length) {
      const wider = new Float64Array(2 * this.length)
      wider.set(this.values)
      this.values = wider
    }
    this.values[this.length++] = value
  }

  at(i: number): number {
    return this.values[i]!
  }
}
