/** What a task is: how a record becomes an example. */
import { IOError, UsageError } from '../../../src/errors.js'
import type { LossKind } from '../../../src/manifest.js'
import type { Contract, Example } from '../example.js'
import { inputOf } from '../roles.js'
import type { LabelMap } from '../labels.js'
import type { Row, Where } from '../sources/source.js'
import type { TextTokenizer } from '../tokenizer.js'

/** What is done about examples that are too long: cut at the end or the beginning, left out, or an error. */
export const TRUNCATIONS = ['right', 'left', 'drop', 'error'] as const

/** Which tokens of a conversation or completion count for the loss. */
export const TRAINED_PARTS = ['completion', 'last', 'all'] as const

export interface TaskOptions {
  /** Most tokens of an example, and of a decoder's target. */
  maxLength: number
  truncate?: (typeof TRUNCATIONS)[number]
  /** `completion` (the default): completions and all that the assistant says; `last`: its last turn; `all`: every token. */
  trainOn?: (typeof TRAINED_PARTS)[number]
  /** Ends texts and completions with the tokenizer's end token; on by default. */
  appendEos?: boolean
  /** A template of the tokenizer by its name, or a file. */
  chatTemplate?: string
  /** What an encoder-decoder's decoder starts with; by default as `config.json` beside the tokenizer says. */
  decoderStart?: number
}

/** What encoding an example takes beside its record. */
export interface TaskContext extends TaskOptions {
  readonly contract: Contract
  /** @throws UsageError `tokenizer-needed` where none was named */
  readonly tokenizer: TextTokenizer
  /** The token that fills rows up. */
  readonly pad: number
  /** Class numbers of labels; undefined where labels are numbers to predict. */
  readonly labels: LabelMap | undefined
}

/** Makes an example of a record. @param where names the record in messages */
export type Encode = (row: Row, where: Where) => Example | null

/** A way to train, told by the columns of the data and the model's loss. */
export interface Task {
  /** Columns that every record must have. */
  readonly required: readonly string[]
  readonly optional?: readonly string[]
  /** Whether a model can be trained so. */
  fits(contract: Contract): boolean
  /** Checks the record's columns; run over all records before training. @throws IOError `bad-row` */
  check(row: Row, where: Where): void
  /** Makes the encoder: what it needs is looked up once. */
  encoder(context: TaskContext): Encode
}

/** Whether the model has an encoder and a decoder with token inputs of their own. */
export function hasDecoder(contract: Contract): boolean {
  return inputOf('decoder', contract) !== undefined
}

/** Whether the loss is one of these. */
export function lossIs(...kinds: readonly LossKind[]): (contract: Contract) => boolean {
  return ({ loss }) => kinds.includes(loss.kind)
}

/** The text in a column. @throws IOError `bad-row` */
export function textIn(row: Row, column: string, where: Where): string {
  const value = row[column]
  if (typeof value === 'string') return value
  throw badRow(where, column, 'a text', value)
}

/** Whole numbers in a column: an array of numbers, or a tensor. @throws IOError `bad-row` */
export function numbersIn(row: Row, column: string, where: Where): ArrayLike<number> {
  const value = row[column]
  const data = Array.isArray(value) ? value : (value as { data?: unknown } | null | undefined)?.data
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) return Array.from(data, Number)
  if ((Array.isArray(data) && data.every(Number.isInteger)) || ArrayBuffer.isView(data)) {
    return data as ArrayLike<number>
  }
  throw badRow(where, column, 'an array of whole numbers', value)
}

/** The error of a column that does not hold what it should. */
export function badRow(where: Where, column: string, expected: string, got: unknown): IOError {
  const text = got === undefined ? 'nothing' : JSON.stringify(got)
  const shown = text.length > 60 ? `${text.slice(0, 57)}…` : text
  return new IOError('bad-row', `${where}: "${column}" should be ${expected}, it is ${shown}`)
}

/**
 * Cuts an example to the longest length, and what a decoder reads at its end; null drops it.
 * @throws UsageError `too-long`
 */
export function truncate(
  example: Example,
  { maxLength, truncate: how = 'right' }: TaskOptions,
  where: Where,
): Example | null {
  const { tokens, types, labels, decoder } = example
  const over = Math.max(0, tokens.length - maxLength)
  const overTarget = Math.max(0, (decoder?.length ?? 0) - maxLength)
  if (over + overTarget === 0) return example
  if (how === 'drop') return null
  if (how === 'error') throw tooLong(where, Math.max(tokens.length, decoder?.length ?? 0), maxLength)
  const left = how === 'left' ? over : 0
  const own = (values: ArrayLike<number>): ArrayLike<number> =>
    Array.prototype.slice.call(values, left, values.length - over + left)
  const target = (values: ArrayLike<number>): ArrayLike<number> =>
    Array.prototype.slice.call(values, 0, values.length - overTarget)
  return {
    ...example,
    tokens: own(tokens),
    ...(types ? { types: own(types) } : {}),
    ...(labels ? { labels: decoder ? target(labels) : own(labels) } : {}),
    ...(decoder ? { decoder: target(decoder) } : {}),
    cut: over + overTarget,
  }
}

/** The error of an example that may not be cut. */
export function tooLong(where: Where, length: number, maxLength: number): UsageError {
  return new UsageError(
    'too-long',
    `${where}: ${length} tokens, at most ${maxLength} are allowed; raise the length, or let long examples be truncated or dropped`,
  )
}
