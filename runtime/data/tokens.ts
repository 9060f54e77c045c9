/** Sequences of token numbers: in memory, in a file, or made of a text as it is read. */
import { DropBPError, IOError, UsageError } from '../../src/errors.js'
import { isTokens, tokenSequence } from './sources/arrays.js'
import { bin } from './sources/bin.js'
import { openNpy } from './sources/npy.js'
import type { SourceOptions, TextFile, Tokens, TokenSequence } from './sources/source.js'
import { text } from './sources/text.js'
import { openTokenizer, type TextTokenizer } from './tokenizer.js'

export interface TokenOptions extends SourceOptions {
  /** A `tokenizer.json`, or `bytes` for one token a byte. Needed for text only. */
  tokenizer?: string
}

/**
 * All tokens of a file, by its extension: `.bin` raw little-endian numbers, `.npy` a NumPy array of integers, else UTF-8
 * text, which a tokenizer makes tokens of.
 * @throws IOError `missing-file`, `not-npy`, `not-tokens`, `not-utf8`, `not-tokenizer`; UsageError `tokenizer-needed`
 */
export function readTokens(file: string, options: TokenOptions = {}): Tokens {
  const sequence = openTokens(file, options)
  try {
    return sequence.read(0, sequence.length)
  } finally {
    sequence.close()
  }
}

function openTokens(file: string, options: TokenOptions): TokenSequence {
  const name = file.toLowerCase()
  if (name.endsWith('.bin')) return bin.open(file, options)
  if (!name.endsWith('.npy')) return tokenizedFile(file, options.tokenizer)
  const array = openNpy(file).flat()
  if (isTokens(array)) return tokenSequence(array)
  array.source.close()
  throw new IOError('not-npy', `${file}: tokens are integers, its numbers are ${array.dtype}`)
}

/**
 * A text file as tokens: as its bytes are, or through a tokenizer.
 * @throws UsageError `tokenizer-needed`
 */
export function tokenizedFile(file: string, tokenizer: string | undefined): TokenSequence {
  if (tokenizer === 'bytes') return bin.open(file, { binType: 'uint8' })
  const pieces = text.open(file)
  return new TokenizedText(pieces, openTokenizer(needed(tokenizer, file)))
}

/** @throws UsageError `tokenizer-needed` */
export function needed(tokenizer: string | undefined, file: string): string {
  if (tokenizer !== undefined) return tokenizer
  throw new UsageError(
    'tokenizer-needed',
    `${file} is text: name a tokenizer.json, or "bytes" for one token a byte`,
  )
}

/** Tokens of a text that are kept in memory; of the others, pieces are tokenised again when they are read. */
const IN_MEMORY = 1 << 26

/** A text as one token sequence. The text is tokenised once when it is made, to know how many tokens each piece has. */
export class TokenizedText implements TokenSequence {
  readonly kind = 'tokens'
  readonly length: number
  /** Index of the first token of every piece. */
  private readonly starts: number[] = []
  private readonly kept: (Tokens | undefined)[] = []
  private last: { piece: number; tokens: Tokens } | undefined

  constructor(
    private readonly text: TextFile,
    private readonly tokenizer: Pick<TextTokenizer, 'encode'>,
    inMemory = IN_MEMORY,
  ) {
    let length = 0
    for (let i = 0; i < text.length; i++) {
      const tokens = this.encode(i)
      this.starts.push(length)
      length += tokens.length
      this.kept.push(length <= inMemory ? tokens : undefined)
    }
    this.length = length
  }

  read(start: number, end: number): Tokens {
    const result = new Uint32Array(end - start)
    for (let piece = this.pieceOf(start), at = start; at < end; piece++) {
      const from = at - this.starts[piece]!
      const part = this.piece(piece).subarray(from, from + end - at)
      result.set(part, at - start)
      at += part.length
    }
    return result
  }

  close(): void {
    this.text.close()
  }

  private piece(i: number): Tokens {
    const tokens = this.kept[i] ?? (this.last?.piece === i ? this.last.tokens : this.encode(i))
    this.last = { piece: i, tokens }
    return tokens
  }

  private encode(i: number): Tokens {
    return Uint32Array.from(this.tokenizer.encode(this.text.get(i)))
  }

  /** The last piece that starts at or before a token. */
  private pieceOf(token: number): number {
    let [low, high] = [0, this.starts.length - 1]
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.starts[middle]! <= token) low = middle
      else high = middle - 1
    }
    return low
  }
}

/** Tokens in memory as a sequence. */
export function tokensInMemory(tokens: Tokens): TokenSequence {
  return {
    kind: 'tokens',
    length: tokens.length,
    read: (start, end) => tokens.subarray(start, end),
    close: () => undefined,
  }
}

/** Tokens that are checked at once. */
const CHUNK = 1 << 20

/**
 * Refuses tokens that the model has no row for; where it does not tell how many it has, negative ones only.
 * @throws DropBPError `token-out-of-range`
 */
export function checkTokens(tokens: Tokens | TokenSequence, limit: number | undefined, file: string): void {
  const sequence = 'kind' in tokens ? tokens : tokensInMemory(tokens)
  for (let start = 0; start < sequence.length; start += CHUNK) {
    const part = sequence.read(start, Math.min(sequence.length, start + CHUNK))
    const at = part.findIndex((token) => token < 0 || token >= (limit ?? Infinity))
    if (at < 0) continue
    const known = limit === undefined ? 'tokens from 0' : `0 to ${limit - 1}`
    throw new DropBPError(
      'token-out-of-range',
      `${file}: token ${part[at]} at position ${start + at}; the model knows ${known}: was the file made with another tokenizer?`,
    )
  }
}
