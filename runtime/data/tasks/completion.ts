/**
 * Prompts and completions for a causal language model: the completion is predicted, the prompt only read. Both are texts,
 * or both lists of messages, which the tokenizer's chat template makes a text of.
 */
import { ChatTemplate } from '../chat.js'
import { IGNORE } from '../example.js'
import { labelSpans } from '../spans.js'
import type { Row, Where } from '../sources/source.js'
import { messagesIn } from './chat.js'
import { badRow, lossIs, textIn, truncate, type Task, type TaskContext } from './task.js'
import { closed } from './text.js'

export const completion: Task = {
  required: ['prompt', 'completion'],
  optional: ['tools'],
  fits: lossIs('causal-lm', 'output'),
  check(row, where) {
    for (const column of ['prompt', 'completion'])
      if (isChat(row)) messagesIn(row, column, where)
      else textIn(row, column, where)
    if (!isChat(row) && row.completion === '') throw badRow(where, 'completion', 'a text to predict', '')
  },
  encoder(context) {
    let template: ChatTemplate | undefined
    return (row, where) => {
      this.check(row, where)
      if (!isChat(row)) return truncate(plain(row, context), context, where)
      template ??= ChatTemplate.of(context.tokenizer, context.chatTemplate)
      return truncate(conversation(row, template, context, where), context, where)
    }
  },
}

const isChat = (row: Row): boolean => Array.isArray(row.prompt)

function plain(row: Row, context: TaskContext): { tokens: number[]; labels: ArrayLike<number> } {
  const { tokenizer, trainOn } = context
  const prompt = row.prompt as string
  const text = prompt + (row.completion as string)
  const spans = [[prompt.length, text.length]] as const
  const inner = labelSpans(tokenizer, text, spans)
  const { before } = tokenizer.frame
  const tokens = closed([...before, ...inner.tokens], context)
  if (trainOn === 'all') return { tokens, labels: tokens }
  const ended = tokens.slice(before.length + inner.tokens.length)
  return { tokens, labels: [...before.map(() => IGNORE), ...inner.labels, ...ended] }
}

function conversation(
  row: Row,
  template: ChatTemplate,
  { tokenizer, trainOn }: TaskContext,
  where: Where,
): { tokens: readonly number[]; labels: ArrayLike<number> } {
  const prompt = messagesIn(row, 'prompt', where)
  const more = row.tools === undefined || row.tools === null ? {} : { tools: row.tools }
  const text = template.render([...prompt, ...messagesIn(row, 'completion', where)], more)
  const before = template.render(prompt, { ...more, add_generation_prompt: true })
  const { tokens, labels } = labelSpans(tokenizer, text, [[sharedLength(before, text), text.length]])
  return { tokens, labels: trainOn === 'all' ? tokens : labels }
}

function sharedLength(a: string, b: string): number {
  let n = 0
  while (n < a.length && a[n] === b[n]) n++
  return n
}
