/** Texts for a causal language model: every token is predicted. */
import { lossIs, textIn, truncate, type Task, type TaskContext } from './task.js'

export const text: Task = {
  required: ['text'],
  fits: lossIs('causal-lm', 'output'),
  check: (row, where) => void textIn(row, 'text', where),
  encoder(context) {
    const { tokenizer } = context
    return (row, where) => {
      const tokens = closed(
        [...tokenizer.frame.before, ...tokenizer.encode(textIn(row, 'text', where))],
        context,
      )
      return truncate({ tokens, labels: tokens }, context, where)
    }
  },
}

/** Tokens with what ends a text: the tokenizer's own special tokens, then its end token, unless that is there already. */
export function closed(tokens: number[], { tokenizer, appendEos = true }: TaskContext): number[] {
  const ended = [...tokens, ...tokenizer.frame.after]
  const { eos } = tokenizer
  return appendEos && eos !== undefined && ended.at(-1) !== eos ? [...ended, eos] : ended
}
