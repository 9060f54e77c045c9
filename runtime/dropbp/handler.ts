/** `DropBPHandler`: drop rates, masks and their bookkeeping, with the operations of the official library. */
import { DropBPError, UsageError } from '../../src/errors.js'
import { evaluateExpr } from '../../src/expr.js'
import type { Manifest, SiteSpec } from '../../src/manifest.js'
import type { Dims } from '../data/batch.js'
import { POLICIES, type MaskPolicy, type PolicyName } from '../policies/index.js'
import { Presence, type Mask } from './presence.js'
import { Random } from '../random.js'
import { allocateRates, checkBounds, type RateBounds } from './rates.js'

export interface HandlerOptions extends Partial<RateBounds> {
  /** Share of the sites' backward FLOPs to drop, in expectation. */
  dropRate?: number
  policy?: PolicyName | MaskPolicy
  seed?: number
}

/** What a checkpoint keeps of a handler. */
export interface HandlerState {
  rates: number[]
  counts: number[]
  draws: number
  random: number[]
  sensitivities: number[] | null
}

/**
 * Squared gradient norms, one a parameter and zero where absent, of one fixed sample under a mask. It must not change
 * anything that training depends on.
 */
export type MeasureGradients = (mask: Mask) => Promise<readonly number[]>

/** Redraws before a set of rates is given up as one that never trains anything. */
const MAX_REDRAWS = 10_000

/** Decides which sites keep their backward. Sites are in the manifest's order throughout. */
export class DropBPHandler {
  readonly sites: readonly SiteSpec[]
  readonly bounds: RateBounds
  /** Sensitivities that the present rates were made from; null while rates are uniform or given. */
  sensitivities: readonly number[] | null = null
  private readonly presence: Presence
  private readonly policy: MaskPolicy
  private readonly totalFlops: string
  private readonly target: number
  private random: Random
  private rates: number[]
  private counts: number[]
  private draws = 0
  private keep: boolean[]
  private flops: { sites: number[]; total: number } | undefined

  constructor(manifest: Pick<Manifest, 'sites' | 'parameters' | 'flops'>, options: HandlerOptions = {}) {
    const { dropRate = 0, minRate = 0, maxRate = 0.9, policy = 'budget', seed = 0 } = options
    this.sites = manifest.sites
    this.bounds = { minRate, maxRate }
    this.presence = new Presence(manifest)
    this.policy = typeof policy === 'function' ? policy : POLICIES[policy]
    this.totalFlops = manifest.flops.backward
    this.target = dropRate
    this.random = Random.seeded(seed, 1)
    this.counts = this.sites.map(() => 0)
    this.keep = this.sites.map(() => true)
    this.rates = []
    this.setInitialDropRate(dropRate)
  }

  /** Gives every site the same rate. */
  setInitialDropRate(rate = this.target): void {
    checkBounds(rate, this.bounds)
    this.rates = this.sites.map(() => rate)
    this.sensitivities = null
  }

  /** Gives each site its own rate. */
  setDropRates(rates: readonly number[]): void {
    if (rates.length !== this.sites.length) {
      throw new UsageError('drop-rate', `${rates.length} drop rates for ${this.sites.length} sites`)
    }
    for (const rate of rates) checkBounds(rate, this.bounds)
    this.rates = [...rates]
    this.sensitivities = null
  }

  /** Tells the dimensions of the data, which FLOPs depend on. */
  setDims(dims: Dims): void {
    this.flops = {
      sites: this.sites.map((site) => evaluateExpr(site.flops.backward, dims)),
      total: evaluateExpr(this.totalFlops, dims),
    }
  }

  /**
   * Draws the mask of one pass. A mask under which nothing would be trained is drawn again; dropping every site is fine where
   * something outside of them trains.
   * @throws DropBPError `nothing-trains`
   */
  setDroppedLayers(): Mask {
    const flops = this.extractFlops()
    for (let i = 0; i < MAX_REDRAWS; i++) {
      const mask = this.policy({ rates: this.rates, flops, step: this.draws, random: this.random })
      if (!this.presence.trains(mask)) continue
      this.record(mask)
      return mask
    }
    throw new DropBPError(
      'nothing-trains',
      `no parameter received a gradient under ${MAX_REDRAWS} drawn masks; lower the drop rate or train more parameters`,
    )
  }

  /** Takes a mask that somebody else drew, and counts it. */
  record(mask: Mask): void {
    if (mask.length !== this.sites.length) {
      throw new UsageError('mask', `a mask of ${mask.length} sites for ${this.sites.length}`)
    }
    this.keep = [...mask]
    this.draws++
    mask.forEach((kept, i) => (this.counts[i]! += kept ? 0 : 1))
  }

  /**
   * Measures each site's sensitivity S_l = Σ_parameters (‖g‖ − ‖g with only l dropped‖)² on one sample, N + 1 passes, and
   * assigns rates by it. Masks, counts and the generator stay as they are.
   * @throws DropBPError `non-finite-sensitivity`
   */
  async sensitivityBasedDropBP(measure: MeasureGradients, target = this.target): Promise<readonly number[]> {
    const all = this.sites.map(() => true)
    const reference = await measure(all)
    const sensitivities: number[] = []
    for (const dropped of this.sites.keys()) {
      const norms = await measure(all.map((_, i) => i !== dropped))
      sensitivities.push(reference.reduce((sum, g, p) => sum + (Math.sqrt(g) - Math.sqrt(norms[p]!)) ** 2, 0))
    }
    this.assignRates(sensitivities, target)
    return sensitivities
  }

  /** Assigns rates by sensitivities that are known already. */
  assignRates(sensitivities: readonly number[], target = this.target): void {
    this.rates = allocateRates({ sensitivities, flops: this.extractFlops(), target, ...this.bounds })
    this.sensitivities = [...sensitivities]
  }

  /** Each site's drop rate. */
  get dropRates(): readonly number[] {
    return this.rates
  }

  /** The mask drawn last. */
  get mask(): Mask {
    return this.keep
  }

  /** Each site's backward FLOPs at the present dimensions. */
  extractFlops(): readonly number[] {
    return this.present().sites
  }

  /** How often each site was dropped. */
  extractCount(): readonly number[] {
    return this.counts
  }

  /** Whether the last mask dropped every site. */
  detectAllDropped(): boolean {
    return this.sites.length > 0 && !this.keep.includes(true)
  }

  /** Whether the last mask leaves no parameter with a gradient; never true of a mask drawn here. */
  detectNonGrad(): boolean {
    return !this.presence.trains(this.keep)
  }

  /** Backward FLOPs of a pass under a mask: of the sites that are dropped, of all sites, of the whole graph. */
  backwardFlops(mask: Mask = this.keep): { dropped: number; sites: number; total: number } {
    const { sites, total } = this.present()
    const sum = (wanted: (i: number) => boolean): number =>
      sites.reduce((n, f, i) => n + (wanted(i) ? f : 0), 0)
    return { dropped: sum((i) => !mask[i]), sites: sum(() => true), total }
  }

  state(): HandlerState {
    const sensitivities = this.sensitivities && [...this.sensitivities]
    return {
      rates: [...this.rates],
      counts: [...this.counts],
      draws: this.draws,
      random: this.random.state,
      sensitivities,
    }
  }

  restore(state: HandlerState): void {
    this.setDropRates(state.rates)
    this.sensitivities = state.sensitivities
    this.counts = [...state.counts]
    this.draws = state.draws
    this.random = Random.restore(state.random)
  }

  private present(): { sites: number[]; total: number } {
    if (this.flops) return this.flops
    throw new UsageError(
      'unbound-dimension',
      'the dimensions of the data are not known yet: call setDims before drawing masks',
    )
  }
}
