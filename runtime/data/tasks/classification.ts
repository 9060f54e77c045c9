/** Texts, or pairs of texts, with a label: a class by its name or number, or numbers that are to be predicted. */
import type { Example } from '../example.js'
import type { Row, Where } from '../sources/source.js'
import type { TextTokenizer } from '../tokenizer.js'
import { badRow, lossIs, textIn, tooLong, type Task, type TaskContext } from './task.js'

export const classification: Task = {
  required: ['text', 'label'],
  optional: ['text_pair'],
  fits: lossIs('class', 'mse', 'bce'),
  check(row, where) {
    textIn(row, 'text', where)
    if (row.text_pair !== undefined) textIn(row, 'text_pair', where)
    if (row.label === undefined || row.label === null || row.label === '')
      throw badRow(where, 'label', 'a class or a number', row.label)
  },
  encoder(context) {
    const { tokenizer } = context
    return (row, where) => {
      this.check(row, where)
      const columns = row.text_pair === undefined ? ['text'] : ['text', 'text_pair']
      const texts = columns.map((column) => tokenizer.encode(textIn(row, column, where)))
      const example = fitted(texts, context, where)
      return example && { ...example, values: labelValues(row, 'label', where, context) }
    }
  },
}

/**
 * One text or two with the tokenizer's special tokens, cut to the longest length before those are put around: of two texts
 * the longer one loses tokens first.
 * @returns null where long examples are dropped
 * @throws UsageError `too-long`
 */
export function fitted(texts: readonly number[][], context: TaskContext, where: Where): Example | null {
  const { tokenizer, maxLength, truncate = 'right' } = context
  const frame = texts.length === 1 ? singleFrame(tokenizer) : pairFrame(tokenizer)
  const special = frame.before.length + frame.between.length + frame.after.length
  const total = texts.reduce((n, t) => n + t.length, 0)
  const room = Math.max(0, maxLength - special)
  const lengths = share(
    texts.map((t) => t.length),
    room,
  )
  const cut = Math.max(0, total - room)
  if (cut > 0 && truncate === 'drop') return null
  if (cut > 0 && truncate === 'error') throw tooLong(where, total + special, maxLength)
  const [first = [], second = []] = texts.map((t, i) =>
    truncate === 'left' ? t.slice(t.length - lengths[i]!) : t.slice(0, lengths[i]),
  )
  const types = [
    ...frame.before.map(() => 0),
    ...first.map(() => 0),
    ...frame.between.map((_, i) => frame.types[i]!),
    ...second.map(() => frame.types.at(-1)!),
    ...frame.after.map(() => (texts.length > 1 ? frame.types.at(-1)! : 0)),
  ]
  const tokens = [...frame.before, ...first, ...frame.between, ...second, ...frame.after]
  return { tokens, types, ...(cut > 0 ? { cut } : {}) }
}

/** How many tokens of each text stay: of two the longer one is cut down to the other first, then both, as the reference does. */
function share(lengths: readonly number[], room: number): readonly number[] {
  const [first = 0, second] = lengths
  if (second === undefined) return [Math.min(first, room)]
  if (first + second <= room) return lengths
  const short = Math.min(first, second, Math.floor(room / 2))
  return first > second ? [room - short, short] : [short, room - short]
}

/** Special tokens around and between two texts; `types` of those between, then of the second text. */
interface Frame {
  readonly before: readonly number[]
  readonly between: readonly number[]
  readonly after: readonly number[]
  readonly types: readonly number[]
}

const singleFrame = ({ frame }: TextTokenizer): Frame => ({ ...frame, between: [], types: [] })

const pairFrames = new WeakMap<TextTokenizer, Frame>()

/** Seen from a pair of short texts. */
function pairFrame(tokenizer: TextTokenizer): Frame {
  const known = pairFrames.get(tokenizer)
  if (known) return known
  const part = tokenizer.encode('a')
  const { ids, types } = tokenizer.encodePair('a', 'a')
  const find = (from: number): number =>
    ids.findIndex((_, i) => i >= from && part.every((token, k) => ids[i + k] === token))
  const first = find(0)
  const second = find(first + part.length)
  const frame = {
    before: ids.slice(0, first),
    between: ids.slice(first + part.length, second),
    after: ids.slice(second + part.length),
    types: types.slice(first + part.length, second + 1),
  }
  pairFrames.set(tokenizer, frame)
  return frame
}

/** The class number [1] of a label, or the numbers that a regression or a multi-label loss compares with. */
export function labelValues(
  row: Row,
  column: string,
  where: Where,
  { labels, contract }: Pick<TaskContext, 'labels' | 'contract'>,
): readonly number[] {
  const value = row[column]
  if (contract.loss.kind === 'class') return [classOf(value, column, where, labels)]
  const last = contract.loss.labels?.shape[1]
  if (labels && typeof last === 'number') return labels.manyHot(value, last, where)
  const tensor = (value as { data?: ArrayLike<number | bigint> } | null)?.data
  const numbers = (Array.isArray(value) ? value : tensor ? Array.from(tensor) : [value]).map((x) =>
    typeof x === 'string' && x.trim() === '' ? NaN : Number(x),
  )
  if (numbers.length > 0 && numbers.every(Number.isFinite)) return numbers
  throw badRow(where, column, 'a number or a list of numbers', value)
}

function classOf(value: unknown, column: string, where: Where, labels: TaskContext['labels']): number {
  const data = (value as { data?: ArrayLike<number | bigint> } | null)?.data
  if (labels && !data) return labels.id(value, where)
  const number = Number(data ? data[0] : value)
  if (Number.isInteger(number)) return number
  throw badRow(where, column, 'a class number', value)
}
