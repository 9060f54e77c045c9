/** Seeded random numbers whose state can be written down and read back. */
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64'
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus, xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus'
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator'

/** A stream of random numbers: xoroshiro128+, the same on every machine. */
export class Random {
  private constructor(private readonly generator: RandomGenerator) {}

  /** Independent streams of one seed are told apart by `stream`. */
  static seeded(seed: number, stream = 0): Random {
    const generator = xoroshiro128plus((Math.imul(seed, 0x9e3779b1) ^ Math.imul(stream + 1, 0x85ebca6b)) | 0)
    // Nearby seeds start out alike; a few draws part them.
    for (let i = 0; i < 16; i++) generator.next()
    return new Random(generator)
  }

  static restore(state: readonly number[]): Random {
    return new Random(xoroshiro128plusFromState(state))
  }

  /** What `restore` takes. */
  get state(): number[] {
    return [...this.generator.getState()]
  }

  /** Uniform in [0, 1). */
  uniform(): number {
    return uniformFloat64(this.generator)
  }

  /** Uniform among 0 … n − 1. */
  below(n: number): number {
    return uniformInt(this.generator, 0, n - 1)
  }

  /** A random permutation of 0 … n − 1. */
  permutation(n: number): Uint32Array {
    const order = Uint32Array.from({ length: n }, (_, i) => i)
    for (let i = n - 1; i > 0; i--) {
      const j = this.below(i + 1)
      const kept = order[i]!
      order[i] = order[j]!
      order[j] = kept
    }
    return order
  }
}
