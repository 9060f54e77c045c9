/** Which tokens of a text lie in given spans of its characters. */
import type { Span } from './chat.js'
import { IGNORE } from './example.js'

/**
 * Tokens of a text and labels for those that lie in the spans, at least in part; the others are ignored.
 *
 * The text is tokenised as a whole, as it is when the model is used. How many tokens lie before a character is told by
 * tokenising the text up to there: the tokens that both have in common, and with them the one that reaches across.
 * @returns tokens and labels of equal length
 */
export function labelSpans(
  encode: (text: string) => readonly number[],
  text: string,
  spans: readonly Span[],
): { tokens: readonly number[]; labels: Int32Array } {
  const tokens = encode(text)
  const labels = new Int32Array(tokens.length).fill(IGNORE)
  for (const [start, end] of spans) {
    if (end <= start) continue
    const from = start === 0 ? 0 : common(tokens, encode(text.slice(0, start))).same
    const to = end === text.length ? tokens.length : past(tokens, encode(text.slice(0, end)))
    for (let i = from; i < to; i++) labels[i] = tokens[i]!
  }
  return { tokens, labels }
}

/** How many tokens of the whole hold something of the prefix. */
function past(whole: readonly number[], prefix: readonly number[]): number {
  const { same, complete } = common(whole, prefix)
  return complete ? same : Math.min(whole.length, same + 1)
}

function common(whole: readonly number[], prefix: readonly number[]): { same: number; complete: boolean } {
  let same = 0
  while (same < prefix.length && prefix[same] === whole[same]) same++
  return { same, complete: same === prefix.length }
}
