/** Text to token numbers, through a Hugging Face `tokenizer.json` or byte by byte. */
import fs from 'node:fs'
import path from 'node:path'
import { Tokenizer } from '@huggingface/tokenizers'
import { DropBPError, IOError } from '../../src/errors.js'
import { guarded } from '../../src/files.js'

/** What the data side needs of a tokenizer. Token numbers are plain numbers. */
export interface TextTokenizer {
  /** The file it is from, or `bytes`. */
  readonly name: string
  /** Tokens of a text, without the special tokens around it. */
  encode(text: string): number[]
  /** The text of tokens, special ones included. */
  decode(tokens: readonly number[]): string
  /** Special tokens that the tokenizer puts before and after a single text. */
  readonly frame: { readonly before: readonly number[]; readonly after: readonly number[] }
  /** A pair of texts with its special tokens, and which text each token belongs to (token_type_ids). */
  encodePair(first: string, second: string): { ids: number[]; types: number[] }
  /** Numbers of the special tokens that the configuration names. */
  readonly eos?: number
  readonly pad?: number
  /** Texts of the special tokens by their names in `tokenizer_config.json`: `bos_token`, `eos_token`, … */
  readonly specials: Readonly<Record<string, string>>
  /** The text of a token, for messages. */
  describe(token: number): string | undefined
  /** The configuration beside it, `tokenizer_config.json`; empty where there is none. */
  readonly config: Readonly<Record<string, unknown>>
}

/**
 * Opens a `tokenizer.json` or a directory that holds one, with the `tokenizer_config.json` and `special_tokens_map.json`
 * beside it; `bytes` is the tokenizer whose tokens are the bytes of the text in UTF-8.
 * @throws IOError `missing-file`, `not-tokenizer`
 */
export function openTokenizer(file: string): TextTokenizer {
  if (file === 'bytes') return BYTES
  const found = isDirectory(file) ? path.join(file, 'tokenizer.json') : file
  const beside = (name: string): Record<string, unknown> => {
    const other = path.join(path.dirname(found), name)
    return fs.existsSync(other) ? readJson(other) : {}
  }
  const config = { ...beside('special_tokens_map.json'), ...beside('tokenizer_config.json') }
  const raw = readJson(found)
  try {
    const unknown = (raw.model as { unk_token?: unknown } | undefined)?.unk_token
    return wrap(found, new Tokenizer(raw, config), config, tokenText(unknown))
  } catch (error) {
    if (error instanceof DropBPError) throw error
    throw notTokenizer(found, (error as Error).message, error)
  }
}

/** The text of a token that a configuration names: a string, or an object with `content`. */
function tokenText(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  const content = (value as { content?: unknown } | null | undefined)?.content
  return typeof content === 'string' ? content : undefined
}

function wrap(
  name: string,
  tokenizer: Tokenizer,
  config: Record<string, unknown>,
  unknown: string | undefined,
): TextTokenizer {
  const specials = Object.fromEntries(
    Object.entries(config).flatMap(([key, value]) => {
      const text = key.endsWith('_token') ? tokenText(value) : undefined
      return text === undefined ? [] : [[key, text]]
    }),
  )
  const number = (key: string): number | undefined =>
    specials[key] === undefined ? undefined : tokenizer.token_to_id(specials[key])
  const fallback = unknown === undefined ? undefined : tokenizer.token_to_id(unknown)
  /** The library leaves a hole for a word that a word-level vocabulary lacks. */
  const encode = (text: string): number[] => {
    const ids = attempt(
      name,
      (): (number | undefined)[] => tokenizer.encode(text, { add_special_tokens: false }).ids,
    )
    return ids.map((id) => {
      const known = id ?? fallback
      if (known !== undefined) return known
      throw new DropBPError(
        'unknown-word',
        `${name}: no token for a part of ${JSON.stringify(text.slice(0, 60))}`,
      )
    })
  }
  return {
    name,
    encode: (text) => (text === '' ? [] : encode(text)),
    decode: (tokens) =>
      tokens.length === 0 ? '' : tokenizer.decode([...tokens], { clean_up_tokenization_spaces: false }),
    frame: frameOf(tokenizer),
    encodePair(first, second) {
      const encoded: { ids: number[]; token_type_ids?: number[] } = tokenizer.encode(first, {
        text_pair: second,
        return_token_type_ids: true,
      })
      // The library leaves both the second text and the types out where nothing is put around texts.
      if (encoded.token_type_ids) return { ids: encoded.ids, types: encoded.token_type_ids }
      const [a, b] = [first, second].map((text) => tokenizer.encode(text, { add_special_tokens: false }).ids)
      return { ids: [...a!, ...b!], types: [...a!.map(() => 0), ...b!.map(() => 1)] }
    },
    eos: number('eos_token'),
    pad: number('pad_token'),
    specials,
    describe: (token) => tokenizer.id_to_token(token),
    config,
  }
}

/** Where a tokenizer puts special tokens is seen from any text. */
function frameOf(tokenizer: Tokenizer): TextTokenizer['frame'] {
  const bare: readonly number[] = tokenizer.encode('a', { add_special_tokens: false }).ids
  const ids: readonly number[] = tokenizer.encode('a').ids
  const at = ids.findIndex((_, i) => bare.every((token, k) => ids[i + k] === token))
  return { before: ids.slice(0, Math.max(0, at)), after: ids.slice(at + bare.length) }
}

const BYTES: TextTokenizer = {
  name: 'bytes',
  encode: (text) => [...Buffer.from(text)],
  decode: (tokens) => Buffer.from(tokens).toString(),
  frame: { before: [], after: [] },
  encodePair(first, second) {
    const [a, b] = [Buffer.from(first), Buffer.from(second)]
    const ids = [...a, ...b]
    return { ids, types: ids.map((_, i) => (i < a.length ? 0 : 1)) }
  },
  specials: {},
  describe: (token) => (token < 256 ? String.fromCharCode(token) : undefined),
  config: {},
}

function readJson(file: string): Record<string, unknown> {
  const text = guarded(file, 'read', () => fs.readFileSync(file, 'utf8'))
  try {
    const value: unknown = JSON.parse(text.replace(/^\ufeff/, ''))
    if (value !== null && typeof value === 'object') return value as Record<string, unknown>
  } catch (error) {
    throw notTokenizer(file, (error as Error).message, error)
  }
  throw notTokenizer(file, 'it holds no object')
}

function notTokenizer(file: string, why: string, cause?: unknown): IOError {
  return new IOError('not-tokenizer', `${file}: not a tokenizer.json: ${why}`, { cause })
}

/** A description that is no tokenizer's shows at the first text that its mistake concerns. */
function attempt<T>(name: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw notTokenizer(name, (error as Error).message, error)
  }
}

function isDirectory(file: string): boolean {
  return guarded(file, 'read', () => fs.statSync(file)).isDirectory()
}
