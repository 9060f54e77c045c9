/** Each site's drop rate, and the sensitivities that it was made from. */
import { UsageError } from '../../src/errors.js'
import type { SiteSpec } from '../../src/manifest.js'
import { depthsOf } from '../policies/policy.js'
import { allocateRates, checkBounds, depthRates, type RateBounds } from './rates.js'

/** Rates within bounds, in the manifest's order of sites. */
export class SiteRates {
  private rates: readonly number[] = []
  private measured: readonly number[] | null = null

  constructor(
    private readonly sites: readonly SiteSpec[],
    readonly bounds: RateBounds,
  ) {}

  get current(): readonly number[] {
    return this.rates
  }

  /** Sensitivities that the present rates were made from; null while rates are uniform or given. */
  get sensitivities(): readonly number[] | null {
    return this.measured
  }

  /** @throws UsageError `drop-rate` */
  setUniform(rate: number): void {
    checkBounds(rate, this.bounds)
    this.take(this.sites.map(() => rate))
  }

  /** @throws UsageError `drop-rate` */
  set(rates: readonly number[]): void {
    if (rates.length !== this.sites.length) {
      throw new UsageError('drop-rate', `${rates.length} drop rates for ${this.sites.length} sites`)
    }
    for (const rate of rates) checkBounds(rate, this.bounds)
    this.take([...rates])
  }

  /** Rates that grow with the depth of a site's block. */
  setByDepth(flops: readonly number[], target: number): void {
    this.take(depthRates({ depth: depthsOf(this.sites), flops, target, ...this.bounds }))
  }

  /** Rates that fall with a site's sensitivity. */
  setBySensitivity(sensitivities: readonly number[], flops: readonly number[], target: number): void {
    this.take(allocateRates({ sensitivities, flops, target, ...this.bounds }), [...sensitivities])
  }

  /** What a checkpoint kept. */
  restore(rates: readonly number[], sensitivities: readonly number[] | null): void {
    this.set(rates)
    this.measured = sensitivities
  }

  private take(rates: readonly number[], sensitivities: readonly number[] | null = null): void {
    this.rates = rates
    this.measured = sensitivities
  }
}
