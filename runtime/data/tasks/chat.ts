/** Conversations for a causal language model: what the assistant says is predicted, the rest only read. */
import { DropBPError } from '../../../src/errors.js'
import { ChatTemplate } from '../chat.js'
import type { Message } from '../conversation.js'
import { labelSpans } from '../spans.js'
import type { Row, Where } from '../sources/source.js'
import { badRow, lossIs, truncate, type Task } from './task.js'

export const chat: Task = {
  required: ['messages'],
  optional: ['tools'],
  fits: lossIs('causal-lm', 'output'),
  check: (row, where) => void messagesIn(row, 'messages', where),
  encoder(context) {
    const { tokenizer, trainOn = 'completion' } = context
    // The template writes the special tokens itself: none are put around its text.
    const template = ChatTemplate.of(tokenizer, context.chatTemplate)
    return (row, where) => {
      const messages = messagesIn(row, 'messages', where)
      const more = row.tools === undefined || row.tools === null ? {} : { tools: row.tools }
      try {
        if (trainOn === 'all') {
          const tokens = tokenizer.encode(template.render(messages, more))
          return truncate({ tokens, labels: tokens }, context, where)
        }
        const which = trainOn === 'last' ? 'last' : 'all'
        const { text, spans } = template.conversation(messages, more, which)
        return truncate(labelSpans(tokenizer, text, spans), context, where)
      } catch (error) {
        if (!(error instanceof DropBPError) || !error.code.startsWith('chat-template')) throw error
        throw new DropBPError(error.code, `${where}: ${error.message}`, error.kind, { cause: error })
      }
    }
  },
}

/** Roles of the older form of conversations, `{ from, value }`. */
const SPEAKERS: Readonly<Record<string, string>> = { human: 'user', gpt: 'assistant', system: 'system' }

/** The messages of a column: `{ role, content }`, or `{ from, value }`. @throws IOError `bad-row` */
export function messagesIn(row: Row, column: string, where: Where): Message[] {
  const value = row[column]
  if (!Array.isArray(value) || value.length === 0)
    throw badRow(where, column, 'a list of messages { "role": …, "content": … }', value)
  return value.map((turn: Record<string, unknown> | null, i) => {
    if (typeof turn?.role === 'string') return turn as Message
    const { from, value: content } = turn ?? {}
    if (typeof from === 'string' && typeof content === 'string')
      return { role: SPEAKERS[from] ?? from, content }
    throw badRow(where, `${column}[${i}]`, 'a message { "role": …, "content": … }', turn)
  })
}
