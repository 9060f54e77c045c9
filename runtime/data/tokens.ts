/** Reads token sequences: text through a tokenizer or byte by byte, raw token files, NumPy arrays. */
import fs from 'node:fs'
import path from 'node:path'
import { Tokenizer } from '@huggingface/tokenizers'
import { DropBPError, IOError, UsageError } from '../../src/errors.js'
import { guarded } from '../../src/files.js'

/** A sequence of token numbers. */
export type Tokens = Uint8Array | Uint16Array | Uint32Array | Int32Array

export interface TokenOptions {
  /** A `tokenizer.json`, or `bytes` for one token a byte. Needed for text only. */
  tokenizer?: string
  /** Element type of a raw `.bin` file. */
  binType?: 'uint16' | 'uint32'
}

/**
 * The tokens of a file, by its extension: `.bin` raw little-endian numbers, `.npy` a NumPy array of integers, else UTF-8 text.
 * @throws IOError `missing-file`, `not-npy`, `not-tokens`, `not-tokenizer`; UsageError `tokenizer-needed`
 */
export function readTokens(file: string, options: TokenOptions = {}): Tokens {
  const bytes = guarded(file, 'read', () => fs.readFileSync(file))
  const extension = path.extname(file).toLowerCase()
  if (extension === '.bin') return fromBin(bytes, options.binType ?? 'uint16', file)
  if (extension === '.npy') return fromNpy(bytes, file)
  if (options.tokenizer === undefined) {
    throw new UsageError(
      'tokenizer-needed',
      `${file} is text: name a tokenizer.json, or "bytes" for one token a byte`,
    )
  }
  if (options.tokenizer === 'bytes') return new Uint8Array(bytes)
  return tokenize(bytes.toString('utf8'), openTokenizer(options.tokenizer))
}

/**
 * Refuses tokens that the model has no row for; where it does not tell how many it has, negative ones only.
 * @throws DropBPError `token-out-of-range`
 */
export function checkTokens(tokens: Tokens, limit: number | undefined, file: string): void {
  const at = tokens.findIndex((token) => token < 0 || token >= (limit ?? Infinity))
  if (at < 0) return
  const known = limit === undefined ? 'tokens from 0' : `0 to ${limit - 1}`
  throw new DropBPError(
    'token-out-of-range',
    `${file}: token ${tokens[at]} at position ${at}; the model knows ${known}: was the file made with another tokenizer?`,
  )
}

function fromBin(bytes: Buffer, type: 'uint16' | 'uint32', file: string): Tokens {
  const width = type === 'uint16' ? 2 : 4
  if (bytes.byteLength % width !== 0) {
    throw new IOError(
      'not-tokens',
      `${file}: ${bytes.byteLength} bytes are no whole number of ${type} tokens`,
    )
  }
  const own = aligned(bytes)
  return type === 'uint16' ? new Uint16Array(own) : new Uint32Array(own)
}

/** The bytes on a buffer of their own, so that wider views are aligned. */
function aligned(bytes: Uint8Array): ArrayBuffer {
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer
}

const NPY_MAGIC = '\x93NUMPY'

const NPY_READERS: Readonly<Record<string, (data: ArrayBuffer) => Tokens | BigInt64Array | BigUint64Array>> =
  {
    '|u1': (data) => new Uint8Array(data),
    '<u2': (data) => new Uint16Array(data),
    '<u4': (data) => new Uint32Array(data),
    '<i4': (data) => new Int32Array(data),
    '<i8': (data) => new BigInt64Array(data),
    '<u8': (data) => new BigUint64Array(data),
  }

function fromNpy(bytes: Buffer, file: string): Tokens {
  const bad = (why: string): IOError => new IOError('not-npy', `${file}: not a NumPy array of tokens: ${why}`)
  if (bytes.toString('latin1', 0, 6) !== NPY_MAGIC) throw bad('it does not start as one')
  const wide = bytes[6]! >= 2
  const start = wide ? 12 : 10
  const length = wide ? bytes.readUInt32LE(8) : bytes.readUInt16LE(8)
  const header = bytes.toString('latin1', start, start + length)
  const descr = /'descr':\s*'([^']+)'/.exec(header)?.[1] ?? 'unknown'
  const read = Object.hasOwn(NPY_READERS, descr) ? NPY_READERS[descr] : undefined
  if (!read) throw bad(`its type is ${descr}, expected one of ${Object.keys(NPY_READERS).join(', ')}`)
  if (/'fortran_order':\s*True/.test(header)) throw bad('it is in Fortran order')
  const count =
    (/'shape':\s*\(([^)]*)\)/.exec(header)?.[1] ?? '').match(/\d+/g)?.reduce((n, d) => n * Number(d), 1) ?? 1
  const data = bytes.subarray(start + length)
  const width = Number(descr.at(-1))
  if (data.byteLength !== count * width)
    throw bad(`it should hold ${count * width} bytes of data, it has ${data.byteLength}`)
  return narrow(read(aligned(data)))
}

/** 64-bit tokens as 32-bit ones; what does not fit becomes −1, which every range check refuses. */
function narrow(values: Tokens | BigInt64Array | BigUint64Array): Tokens {
  if (!(values instanceof BigInt64Array || values instanceof BigUint64Array)) return values
  return Int32Array.from(values as BigInt64Array, (x) => (x >= 0n && x < 0x80000000n ? Number(x) : -1))
}

function openTokenizer(file: string): Tokenizer {
  const read = (f: string): object =>
    JSON.parse(guarded(f, 'read', () => fs.readFileSync(f, 'utf8'))) as object
  const config = path.join(path.dirname(file), 'tokenizer_config.json')
  try {
    return new Tokenizer(read(file), fs.existsSync(config) ? read(config) : {})
  } catch (error) {
    if (error instanceof DropBPError) throw error
    throw new IOError('not-tokenizer', `${file}: not a tokenizer.json: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

/** Text is encoded in pieces of about this many characters, cut at the end of a line. */
const PIECE = 1 << 16

function tokenize(text: string, tokenizer: Tokenizer): Tokens {
  const pieces: number[][] = []
  for (let at = 0; at < text.length;) {
    const newline = at + PIECE < text.length ? text.indexOf('\n', at + PIECE) : -1
    const end = newline < 0 ? text.length : newline + 1
    pieces.push(tokenizer.encode(text.slice(at, end), { add_special_tokens: false }).ids)
    at = end
  }
  const tokens = new Uint32Array(pieces.reduce((n, piece) => n + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    tokens.set(piece, at)
    at += piece.length
  }
  return tokens
}
