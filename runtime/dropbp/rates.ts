/** Assigning drop rates to sites so that the expected backward FLOPs meet a target. */
import { DropBPError, UsageError } from '../../src/errors.js'

/** Bounds of every site's rate. */
export interface RateBounds {
  readonly minRate: number
  /** Below 1, so that no site starves. */
  readonly maxRate: number
}

export interface AllocationRequest extends RateBounds {
  readonly sensitivities: readonly number[]
  /** Backward FLOPs of each site. */
  readonly flops: readonly number[]
  /** Share of the sites' backward FLOPs to drop, in expectation. */
  readonly target: number
  /** Size of one greedy raise. */
  readonly increment?: number
}

/** @throws UsageError `drop-rate` */
export function checkBounds(target: number, { minRate, maxRate }: RateBounds): void {
  if (!(minRate >= 0 && minRate <= maxRate && maxRate < 1)) {
    throw new UsageError(
      'drop-rate',
      `rate bounds ${minRate} to ${maxRate}: expected 0 <= min <= max < 1; at rate 1 a site would never train`,
    )
  }
  if (!(target >= minRate && target <= maxRate)) {
    const more = target > maxRate && target < 1 ? '; raise --max-rate for more' : ''
    throw new UsageError('drop-rate', `drop rate ${target}: expected ${minRate} to ${maxRate}${more}`)
  }
}

/**
 * Greedy allocation of the paper, by FLOPs: all sites start at `minRate`; the site whose raise makes S·p per FLOPs smallest is
 * raised, until Σ flops·(1−p) = (1−target)·Σ flops. The last raise is shortened, so that the budget is met exactly.
 * @throws DropBPError `non-finite-sensitivity`; UsageError `drop-rate`
 */
export function allocateRates(request: AllocationRequest): number[] {
  const { sensitivities, flops, target, minRate, maxRate, increment = 0.1 } = request
  checkBounds(target, request)
  checkSensitivities(sensitivities)
  const rates = flops.map(() => minRate)
  let missing = flops.reduce((sum, f) => sum + f, 0) * (target - minRate)
  const open = new Set(flops.keys())
  for (const site of [...open]) if (!(flops[site]! > 0)) open.delete(site)
  while (missing > 0 && open.size > 0) {
    const site = cheapest(
      open,
      (i) => (sensitivities[i]! * Math.min(rates[i]! + increment, maxRate)) / flops[i]!,
    )
    const raise = Math.min(increment, maxRate - rates[site]!, missing / flops[site]!)
    rates[site]! += raise
    missing -= raise * flops[site]!
    if (rates[site]! >= maxRate - 1e-12) open.delete(site)
    if (raise < 1e-12) break
  }
  return rates
}

/**
 * Rates that grow linearly with depth: rate_i = min(c·depth_i, maxRate), at least minRate, with the one c for which
 * Σ flops·rate = target·Σ flops.
 * @throws UsageError `drop-rate`
 */
export function depthRates({
  depth,
  flops,
  target,
  minRate,
  maxRate,
}: RateBounds & { depth: readonly number[]; flops: readonly number[]; target: number }): number[] {
  const at = (c: number): number[] => depth.map((d) => Math.max(minRate, Math.min(c * d, maxRate)))
  const dropped = (rates: readonly number[]): number => rates.reduce((sum, r, i) => sum + r * flops[i]!, 0)
  const wanted = target * flops.reduce((a, b) => a + b, 0)
  let [low, high] = [0, maxRate / Math.min(...depth)]
  for (let i = 0; i < BISECTIONS; i++) {
    const middle = (low + high) / 2
    if (dropped(at(middle)) < wanted) low = middle
    else high = middle
  }
  return at(high)
}

/** Halvings after which a float64 has no bits left. */
const BISECTIONS = 60

function cheapest(sites: ReadonlySet<number>, cost: (site: number) => number): number {
  let best = -1
  let least = Infinity
  for (const site of sites) {
    const c = cost(site)
    if (best < 0 || c < least) [best, least] = [site, c]
  }
  return best
}

function checkSensitivities(sensitivities: readonly number[]): void {
  const at = sensitivities.findIndex((s) => !(Number.isFinite(s) && s >= 0))
  if (at < 0) return
  throw new DropBPError(
    'non-finite-sensitivity',
    `sensitivity of site ${at} is ${sensitivities[at]}; the sample's loss or a gradient is not finite, so rates cannot be told: use uniform rates or another sample`,
  )
}
