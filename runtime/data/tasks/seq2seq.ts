/** Inputs and targets for an encoder-decoder. */
import fs from 'node:fs'
import path from 'node:path'
import { UsageError } from '../../../src/errors.js'
import { IGNORE } from '../example.js'
import type { TextTokenizer } from '../tokenizer.js'
import { fitted } from './classification.js'
import { hasDecoder, textIn, type Task, type TaskContext } from './task.js'

export const seq2seq: Task = {
  required: ['input', 'target'],
  fits: hasDecoder,
  check(row, where) {
    textIn(row, 'input', where)
    textIn(row, 'target', where)
  },
  encoder(context) {
    const { tokenizer } = context
    const start = startToken(context)
    return (row, where) => {
      const encode = (column: string): ReturnType<typeof fitted> =>
        fitted([tokenizer.encode(textIn(row, column, where))], context, where)
      const [input, target] = [encode('input'), encode('target')]
      if (!input || !target) return null
      return {
        tokens: input.tokens,
        types: input.types,
        labels: target.tokens,
        decoder: [start, ...Array.from(target.tokens).slice(0, -1)],
        cut: (input.cut ?? 0) + (target.cut ?? 0),
      }
    }
  },
}

/** What the decoder reads to predict `labels`: a start token, then the labels but for the last. Ignored ones become padding. */
export function shiftRight(labels: ArrayLike<number>, context: TaskContext): number[] {
  const read = Array.from(labels, (label) => (label === IGNORE ? context.pad : label))
  return [startToken(context), ...read.slice(0, -1)]
}

/** @throws UsageError `no-decoder-start` */
function startToken(context: TaskContext): number {
  const start = context.decoderStart ?? configured(context.tokenizer)
  if (start !== undefined) return start
  throw new UsageError(
    'no-decoder-start',
    'the number of the token that the decoder starts with is not known: name it, or put the config.json of the model beside its tokenizer.json',
  )
}

/** `decoder_start_token_id` of the model's configuration, beside the tokenizer. */
function configured(tokenizer: TextTokenizer): number | undefined {
  for (const name of ['generation_config.json', 'config.json']) {
    const file = path.join(path.dirname(tokenizer.name), name)
    if (tokenizer.name === 'bytes' || !fs.existsSync(file)) continue
    const id = (JSON.parse(fs.readFileSync(file, 'utf8')) as Record<string, unknown>).decoder_start_token_id
    if (typeof id === 'number') return id
  }
  return undefined
}
