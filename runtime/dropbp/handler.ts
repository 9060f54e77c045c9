/** `DropBPHandler`: drop rates, masks and their bookkeeping, with the operations of the official library. */
import { DropBPError, UsageError } from '../../src/errors.js'
import type { Manifest, SiteSpec } from '../../src/manifest.js'
import type { Dims } from '../data/batch.js'
import { POLICIES, type MaskPolicy } from '../policies/index.js'
import { Random } from '../random.js'
import { BackwardCosts } from './costs.js'
import { OnlineSensitivity } from './online.js'
import type { HandlerOptions, HandlerState } from './options.js'
import { Presence, type Mask } from './presence.js'
import { measureSensitivities, type MeasureGradients } from './sensitivity.js'
import type { RateBounds } from './rates.js'
import { SiteRates } from './site-rates.js'

/** Redraws before a set of rates is given up as one that never trains anything. */
const MAX_REDRAWS = 10_000

/** Generators from this number on are the policies'. */
const POLICY_STREAMS = 1 << 20

/** Decides which sites keep their backward. Sites are in the manifest's order throughout. */
export class DropBPHandler {
  readonly sites: readonly SiteSpec[]
  private readonly presence: Presence
  private readonly policy: MaskPolicy
  private readonly costs: BackwardCosts
  private readonly target: number
  private readonly online: OnlineSensitivity
  private progress = { step: 0, steps: 1 }
  private random: Random
  private readonly rates: SiteRates
  private counts: number[]
  private draws = 0
  private keep: boolean[]

  constructor(
    manifest: Pick<Manifest, 'sites' | 'parameters' | 'flops'>,
    private readonly options: HandlerOptions = {},
  ) {
    const { dropRate = 0, minRate = 0, maxRate = 0.9, policy = 'budget', seed = 0 } = options
    if (options.unbiased && manifest.sites.some((site) => site.scale === undefined)) {
      throw new UsageError(
        'not-unbiased',
        'the compiled model takes no factors of its sites: compile it with --unbiased',
      )
    }
    this.sites = manifest.sites
    this.rates = new SiteRates(manifest.sites, { minRate, maxRate })
    this.presence = new Presence(manifest)
    this.policy = typeof policy === 'function' ? policy : POLICIES[policy]
    this.costs = new BackwardCosts(manifest)
    this.target = dropRate
    this.online = new OnlineSensitivity(this.presence.owners(), this.sites.length)
    this.random = Random.seeded(seed, 1)
    this.counts = this.sites.map(() => 0)
    this.keep = this.sites.map(() => true)
    this.setInitialDropRate(dropRate)
  }

  /** Gives every site the same rate. */
  setInitialDropRate(rate = this.target): void {
    this.rates.setUniform(rate)
  }

  /** Gives each site its own rate. */
  setDropRates(rates: readonly number[]): void {
    this.rates.set(rates)
  }

  /** Gives each site a rate that grows with its block's depth; the expected FLOPs meet the target. */
  setDepthRates(target = this.target): null {
    this.rates.setByDepth(this.extractFlops(), target)
    return null
  }

  /** Tells how far training is, which policies and rising rates depend on. */
  setProgress(step: number, steps: number): void {
    this.progress = { step, steps }
  }

  /** Tells the dimensions of the data, which FLOPs depend on. */
  setDims(dims: Dims): void {
    this.costs.setDims(dims)
  }

  /**
   * Draws the mask of one pass. A mask under which nothing would be trained is drawn again; dropping every site is fine where
   * something outside of them trains.
   * @throws DropBPError `nothing-trains`
   */
  setDroppedLayers(): Mask {
    const { seed = 0, period, frozen } = this.options
    for (let i = 0; i < MAX_REDRAWS; i++) {
      const mask = this.policy({
        sites: this.sites,
        rates: this.effectiveRates,
        flops: this.extractFlops(),
        ...this.progress,
        pass: this.draws,
        random: this.random,
        stream: (n) => Random.seeded(seed, POLICY_STREAMS + n),
        trains: (candidate) => this.presence.trains(candidate),
        options: { period, frozen },
      })
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
    const sensitivities = await measureSensitivities(this.sites.length, measure)
    this.assignRates(sensitivities, target)
    return sensitivities
  }

  /** Takes the squared gradient norms of a pass under the mask drawn last, for the online estimate. */
  observe(squaredNorms: readonly number[]): void {
    this.online.observe(this.keep, this.presence.under(this.keep), squaredNorms)
  }

  /**
   * Assigns rates by what `observe` was told.
   * @returns the estimated sensitivities; null where too little was observed, and the rates stay
   */
  assignOnlineRates(target = this.target): readonly number[] | null {
    const sensitivities = this.online.estimate()
    if (sensitivities) this.assignRates(sensitivities, target)
    return sensitivities
  }

  /** Assigns rates by sensitivities that are known already. */
  assignRates(sensitivities: readonly number[], target = this.target): void {
    this.rates.setBySensitivity(sensitivities, this.extractFlops(), target)
  }

  /** Each site's drop rate. */
  get dropRates(): readonly number[] {
    return this.rates.current
  }

  /** Sensitivities that the present rates were made from; null while rates are uniform or given. */
  get sensitivities(): readonly number[] | null {
    return this.rates.sensitivities
  }

  get bounds(): RateBounds {
    return this.rates.bounds
  }

  /** Each site's drop rate now, while rates still rise. */
  get effectiveRates(): readonly number[] {
    const { dropWarmup = 0 } = this.options
    const share = dropWarmup > 0 ? Math.min(1, this.progress.step / dropWarmup) : 1
    return share === 1 ? this.dropRates : this.dropRates.map((rate) => rate * share)
  }

  /** What the gradient entering each site is multiplied by where it is kept. */
  get siteFactors(): readonly number[] {
    const { unbiased = false } = this.options
    return this.effectiveRates.map((rate) => (unbiased ? 1 / (1 - rate) : 1))
  }

  /** The mask drawn last. */
  get mask(): Mask {
    return this.keep
  }

  /** Each site's backward FLOPs at the present dimensions. */
  extractFlops(): readonly number[] {
    return this.costs.present.sites
  }

  /** How often each site was dropped. */
  extractCount(): readonly number[] {
    return this.counts
  }

  /** A number for a model's dropout masks to be drawn from. */
  drawSeed(): number {
    return this.random.below(2 ** 31 - 1)
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
    return this.costs.of(mask)
  }

  state(): HandlerState {
    const sensitivities = this.sensitivities && [...this.sensitivities]
    return {
      rates: [...this.dropRates],
      counts: [...this.counts],
      draws: this.draws,
      random: this.random.state,
      sensitivities,
      online: this.online.state(),
    }
  }

  restore(state: HandlerState): void {
    this.rates.restore(state.rates, state.sensitivities)
    this.counts = [...state.counts]
    this.draws = state.draws
    this.random = Random.restore(state.random)
    if (state.online) this.online.restore(state.online)
  }
}
