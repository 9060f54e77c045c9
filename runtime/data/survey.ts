/** What a data set looks like, found out by going through it. */
import type { Dataset } from './example.js'

/** Counts over the examples that were looked at. */
export interface Survey {
  /** Examples looked at, and how many there are. */
  readonly examples: number
  readonly of: number
  readonly tokens: number
  readonly longest: number
  /** Examples that truncation cut. */
  readonly cut: number
  /** Examples of which nothing counts, and which are left out. */
  readonly empty: number
}

/** Tokens after which a survey is over. */
const ENOUGH = 1_000_000

/**
 * Makes every example once, up to about `enough` tokens, so that what is wrong with one is told before training.
 * @throws what the data set throws: tokens and labels out of range, conversations that a chat template refuses
 */
export function survey(dataset: Dataset, enough = ENOUGH): Survey {
  let [tokens, longest, cut, empty, examples] = [0, 0, 0, 0, 0]
  for (; examples < dataset.length && tokens < enough; examples++) {
    const example = dataset.get(examples)
    if (!example) {
      empty++
      continue
    }
    const length = example.tokens.length + (example.decoder?.length ?? 0)
    tokens += length
    longest = Math.max(longest, length)
    if (example.cut) cut++
  }
  return { examples, of: dataset.length, tokens, longest, cut, empty }
}

/** A survey in words. */
export function describeSurvey({ examples, of, tokens, longest, cut, empty }: Survey): string {
  const looked = examples < of ? ` (of the first ${examples})` : ''
  const parts = [
    `${of} examples`,
    ...(tokens > 0
      ? [
          `${Math.round(tokens / Math.max(1, examples - empty))} tokens on average, at most ${longest}${looked}`,
        ]
      : []),
    ...(cut > 0 ? [`${cut} were cut`] : []),
    ...(empty > 0 ? [`${empty} left out, since nothing of them counts`] : []),
  ]
  return parts.join('; ')
}
