/** Sensitivities estimated from the gradients that training computes anyway: no pass of their own. */
import type { Mask } from './presence.js'

/** Sums of a weighted sample, from which mean and variance follow. */
interface Sums {
  weight: Float64Array
  /** Σ weights², which tells how many observations the sum is worth. */
  squares: Float64Array
  value: Float64Array
  valueSquared: Float64Array
}

/** What a checkpoint keeps. */
export interface OnlineState {
  observed: number
  kept: number[][]
  dropped: number[][]
}

/**
 * Under random masks, the official S_l = Σ_p (‖g_p‖ − ‖g_p with l dropped‖)² asks how the norm of each parameter's gradient
 * differs between passes that keep l and passes that drop it. Both means are kept for every pair of site and parameter, with
 * exponentially fading weights, since gradients shrink as training goes on. The squared difference of two noisy means is too
 * large by their variances, so these are taken off. A gradient that is absent because l is dropped is zero, without noise;
 * one that is absent for another site's sake says nothing of l and is not counted.
 *
 * It needs masks that vary: a site that is always kept or always dropped is estimated from its own parameters alone, or not.
 */
export class OnlineSensitivity {
  private readonly kept: Sums
  private readonly dropped: Sums
  private observed = 0

  /**
   * @param owned for each parameter, whether its gradient is absent whenever the site is dropped, by site
   * @param halfLife observations after which a weight has halved
   */
  constructor(
    private readonly owned: readonly (readonly boolean[])[],
    private readonly sites: number,
    halfLife = 100,
  ) {
    this.decay = 0.5 ** (1 / halfLife)
    this.kept = sums(sites * owned.length)
    this.dropped = sums(sites * owned.length)
  }

  private readonly decay: number

  /** Observations so far. */
  get count(): number {
    return this.observed
  }

  /** Takes the squared gradient norms of a pass, one a parameter; `present` tells which gradients there were. */
  observe(mask: Mask, present: readonly boolean[], squaredNorms: readonly number[]): void {
    if (!squaredNorms.every(Number.isFinite)) return
    this.observed++
    for (let site = 0; site < this.sites; site++) {
      const into = mask[site] ? this.kept : this.dropped
      this.owned.forEach((owned, p) => {
        if (!present[p]) return
        if (!mask[site] && owned[site]) return
        this.add(into, site * this.owned.length + p, Math.sqrt(squaredNorms[p]!))
      })
    }
  }

  /** The estimate of each site's sensitivity; null before every site was observed kept twice at least. */
  estimate(): number[] | null {
    const result: number[] = []
    for (let site = 0; site < this.sites; site++) {
      let sum = 0
      let known = false
      this.owned.forEach((owned, p) => {
        const i = site * this.owned.length + p
        const kept = moments(this.kept, i)
        const dropped = owned[site] ? NOTHING : moments(this.dropped, i)
        if (!kept || !dropped) return
        known = true
        sum += Math.max(0, (kept.mean - dropped.mean) ** 2 - kept.error - dropped.error)
      })
      if (!known) return null
      result.push(sum)
    }
    return result
  }

  state(): OnlineState {
    const lists = (s: Sums): number[][] => [s.weight, s.squares, s.value, s.valueSquared].map((a) => [...a])
    return { observed: this.observed, kept: lists(this.kept), dropped: lists(this.dropped) }
  }

  restore(state: OnlineState): void {
    this.observed = state.observed
    const fill = (s: Sums, lists: number[][]): void =>
      [s.weight, s.squares, s.value, s.valueSquared].forEach((a, i) => a.set(lists[i]!))
    fill(this.kept, state.kept)
    fill(this.dropped, state.dropped)
  }

  private add(into: Sums, i: number, norm: number): void {
    const { decay } = this
    into.weight[i] = into.weight[i]! * decay + 1
    into.squares[i] = into.squares[i]! * decay * decay + 1
    into.value[i] = into.value[i]! * decay + norm
    into.valueSquared[i] = into.valueSquared[i]! * decay + norm * norm
  }
}

const NOTHING = { mean: 0, error: 0 }

function sums(length: number): Sums {
  const make = (): Float64Array => new Float64Array(length)
  return { weight: make(), squares: make(), value: make(), valueSquared: make() }
}

/** Mean and its squared standard error; undefined where fewer than two observations' worth is there. */
function moments(s: Sums, i: number): { mean: number; error: number } | undefined {
  const weight = s.weight[i]!
  const n = weight > 0 ? weight ** 2 / s.squares[i]! : 0
  if (n < 1.5) return undefined
  const mean = s.value[i]! / weight
  const variance = Math.max(0, s.valueSquared[i]! / weight - mean ** 2)
  return { mean, error: variance / (n - 1) }
}
