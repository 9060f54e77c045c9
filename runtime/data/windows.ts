/** Windows of a token sequence: how plain text and token files train a causal language model. */
import type { Dataset, Example } from './example.js'
import type { TokenSequence } from './sources/source.js'
import type { Tokens } from './sources/source.js'
import { tokensInMemory } from './tokens.js'

/** Consecutive, non-overlapping windows of a token sequence; a shorter rest is left out. Every token is its own label. */
export class TokenWindows implements Dataset {
  readonly tokens: TokenSequence
  /** Number of windows. */
  readonly length: number

  /**
   * @param size tokens of a window
   * @param name names the sequence in messages
   */
  constructor(
    tokens: Tokens | TokenSequence,
    readonly size: number,
    private readonly name = 'tokens',
  ) {
    this.tokens = 'kind' in tokens ? tokens : tokensInMemory(tokens)
    this.length = Math.floor(tokens.length / size)
  }

  get(i: number): Example {
    const tokens = this.tokens.read(i * this.size, (i + 1) * this.size)
    return { tokens, labels: tokens }
  }

  where(i: number): string {
    return `${this.name}: tokens ${i * this.size} to ${(i + 1) * this.size - 1}`
  }
}
