/** Decisions of a fuzz test: one number decides all of a mutant. */
import { Random } from '../../runtime/random.js'

export class Choices {
  private readonly random: Random

  constructor(readonly seed: number) {
    this.random = Random.seeded(seed)
  }

  /** Uniform among 0 … n − 1; 0 for an empty range. */
  below(n: number): number {
    return n > 1 ? this.random.below(n) : 0
  }

  chance(share: number): boolean {
    return this.random.uniform() < share
  }

  /** One of the items; undefined where there is none. */
  of<T>(items: readonly T[]): T | undefined {
    return items[this.below(items.length)]
  }

  bytes(n: number): Uint8Array {
    return Uint8Array.from({ length: n }, () => this.below(256))
  }
}
