/** Dynamic loss scaling: the factor that keeps float16 gradients from underflow, as large as they stay finite. */
import type { Manifest } from '../../src/manifest.js'

/** What a checkpoint keeps. */
export interface LossScaleState {
  value: number
  good: number
}

/** Steps without overflow after which the factor is tried doubled. */
const GROWTH_INTERVAL = 2000
/** Powers of two that a float32 factor of a float16 loss may sensibly have. */
const [LOWEST, HIGHEST] = [1, 2 ** 24]

/** Halves on overflow, doubles after many finite steps; constant 1 where the model takes no factor. */
export class LossScale {
  value: number
  private good = 0
  private readonly active: boolean

  constructor({ scale }: Pick<Manifest['loss'], 'scale'>) {
    this.active = scale !== undefined
    this.value = scale?.default ?? 1
  }

  /**
   * Counts a step.
   * @returns whether a gradient that was not finite is explained by the factor, which is halved then
   */
  count(finite: boolean): boolean {
    if (!this.active) return false
    if (finite) {
      if (++this.good >= GROWTH_INTERVAL) this.change(Math.min(this.value * 2, HIGHEST))
      return false
    }
    const before = this.value
    this.change(Math.max(before / 2, LOWEST))
    return this.value < before
  }

  state(): LossScaleState {
    return { value: this.value, good: this.good }
  }

  restore({ value, good }: LossScaleState): void {
    this.value = value
    this.good = good
  }

  private change(value: number): void {
    this.value = value
    this.good = 0
  }
}
