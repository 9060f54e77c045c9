/** Which parts of a conversation's text the assistant says, where the template does not mark them itself. */
import type { Message, RenderedChat, Span } from './conversation.js'

/** Marks of a turn's start and end in what a template writes; Unicode keeps these characters out of texts. */
export const START = '\ufdd0'
export const END = '\ufdd1'

/** Writes messages; with a generation prompt if asked. */
export type Render = (messages: readonly Message[], prompt?: boolean) => string

/** Takes the marks out of a text; undefined where they are not in pairs. */
export function takeMarks(text: string): RenderedChat | undefined {
  const spans: Span[] = []
  let plain = ''
  let start: number | undefined
  for (const part of text.split(/([\ufdd0\ufdd1])/)) {
    if (part === START && start === undefined) start = plain.length
    else if (part === END && start !== undefined) {
      spans.push([start, plain.length])
      start = undefined
    } else if (part === START || part === END) return undefined
    else plain += part
  }
  return start === undefined ? { text: plain, spans } : undefined
}

/**
 * By prefixes: a turn says what it adds to the text of the turns before it with the generation prompt. Undefined where the
 * template writes those in another way when later turns follow.
 * @param turns indices of the assistant's turns that are asked for
 */
export function spansByPrefix(
  render: Render,
  messages: readonly Message[],
  turns: readonly number[],
): RenderedChat | undefined {
  const text = render(messages)
  const spans: Span[] = []
  for (const turn of turns) {
    const before = render(messages.slice(0, turn), true)
    const after = turn === messages.length - 1 ? text : render(messages.slice(0, turn + 1))
    if (!text.startsWith(before) || !text.startsWith(after)) return undefined
    spans.push([before.length, after.length])
  }
  return { text, spans }
}

/**
 * By marks in the messages: a turn says its content, and what the template writes after it when it is the last turn (the end
 * of the turn). Undefined where marks change what the template writes, or where it leaves a turn out.
 */
export function spansByContent(
  render: Render,
  messages: readonly Message[],
  turns: readonly number[],
): RenderedChat | undefined {
  const marked = messages.map((message, i) => (turns.includes(i) ? withMarks(message) : message))
  const found = takeMarks(render(marked))
  const text = render(messages)
  if (!found || found.text !== text || found.spans.length !== turns.length) return undefined
  const spans = found.spans.map(([start, end], i): Span => {
    const last = render(marked.slice(0, turns[i]! + 1))
    const ending = last.slice(last.lastIndexOf(END) + 1)
    return [start, text.startsWith(ending, end) ? end + ending.length : end]
  })
  return { text, spans }
}

/** Inside of white space around the content, which templates like to trim. */
function withMarks(message: Message): Message {
  if (typeof message.content !== 'string') return message
  const [, before, content, after] = /^(\s*)([\s\S]*?)(\s*)$/.exec(message.content)!
  return { ...message, content: `${before}${START}${content}${END}${after}` }
}
