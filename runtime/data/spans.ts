/** Which tokens of a text lie in given spans of its characters. */
import type { Span } from './conversation.js'
import { IGNORE } from './example.js'
import type { TextTokenizer } from './tokenizer.js'

type Codec = Pick<TextTokenizer, 'encode' | 'decode'>

/**
 * Tokens of a text and labels for those that lie in the spans, at least in part; the others are ignored.
 *
 * The text is tokenised as a whole, as it is when the model is used. How many tokens lie before a character is told by
 * tokenising the text up to there. Where the text up to there becomes other tokens alone than in the whole, the texts of the
 * whole's tokens are counted.
 * @returns tokens and labels of equal length
 */
export function labelSpans(
  codec: Codec,
  text: string,
  spans: readonly Span[],
): { tokens: readonly number[]; labels: Int32Array } {
  const tokens = codec.encode(text)
  const labels = new Int32Array(tokens.length).fill(IGNORE)
  for (const [start, end] of spans) {
    if (end <= start) continue
    const [from] = boundary(codec, text, tokens, start)
    const [, to] = boundary(codec, text, tokens, end)
    for (let i = from; i < to; i++) labels[i] = tokens[i]!
  }
  return { tokens, labels }
}

/** How many tokens lie before a character completely, and how many at least in part. */
function boundary(
  codec: Codec,
  text: string,
  tokens: readonly number[],
  at: number,
): [complete: number, partial: number] {
  if (at === 0) return [0, 0]
  if (at === text.length) return [tokens.length, tokens.length]
  const prefix = codec.encode(text.slice(0, at))
  let i = 0
  while (i < prefix.length && prefix[i] === tokens[i]) i++
  if (i === prefix.length) return [i, i]
  // A tokenizer's own leading space is in neither text.
  const shift = text.length - codec.decode(tokens).length
  const characters = (count: number): number => codec.decode(tokens.slice(0, count)).length + shift
  while (i < tokens.length && characters(i + 1) <= at) i++
  return [i, characters(i) < at ? i + 1 : i]
}
