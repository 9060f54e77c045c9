/** Masks and rates: expected and per-pass FLOPs, no starved site, no overshoot. */
import { describe, expect, it } from 'vitest'
import {
  allocateRates,
  bernoulli,
  exactBudget,
  Random,
  type DrawRequest,
  type MaskPolicy,
} from '../../runtime/index.js'

const DRAWS = 20_000

/** A transformer's sites: attention and MLP of unlike cost, one that costs nothing. */
const MIXED = [3, 8, 3, 8, 3, 8, 1, 20, 0]

/** What a policy is asked in the first step of a training of sites with these rates and FLOPs, every pass of which trains. */
function request(rates: readonly number[], flops: readonly number[], seed: number): DrawRequest {
  const sites = rates.map((_, index) => ({
    name: `s${index}`,
    index,
    layer: index,
    kind: 'mlp' as const,
    keep: `keep/${index}`,
    flops: { forward: '1', backward: String(flops[index]) },
    parameters: [],
  }))
  return {
    sites,
    rates,
    flops,
    step: 0,
    steps: DRAWS,
    pass: 0,
    random: Random.seeded(seed),
    stream: (n) => Random.seeded(seed, n),
    trains: () => true,
    options: {},
  }
}

function simulate(policy: MaskPolicy, rates: readonly number[], flops: readonly number[]) {
  const asked = request(rates, flops, 7)
  const kept = rates.map(() => 0)
  const costs: number[] = []
  for (let step = 0; step < DRAWS; step++) {
    const mask = policy({ ...asked, step, pass: step })
    mask.forEach((k, i) => (kept[i]! += k ? 1 : 0))
    costs.push(mask.reduce((sum, k, i) => sum + (k ? flops[i]! : 0), 0))
  }
  return { kept: kept.map((k) => k / DRAWS), costs }
}

const budget = (rates: readonly number[], flops: readonly number[]): number =>
  rates.reduce((sum, rate, i) => sum + (1 - rate) * flops[i]!, 0)

describe('exact budget', () => {
  const cases: [string, number[], number[]][] = [
    ['equal sites, half dropped', Array(24).fill(0.5), Array(24).fill(1)],
    ['equal sites, 0.875', Array(24).fill(0.875), Array(24).fill(1)],
    ['an odd count', Array(7).fill(0.5), Array(7).fill(1)],
    ['unlike sites', [0.1, 0.9, 0.3, 0.5, 0.7, 0.2, 0.6, 0.45, 0.5], MIXED],
    ['nothing dropped', [0, 0, 0], [1, 2, 3]],
  ]

  it.each(cases)('%s: keeps each site with its probability', (_, rates, flops) => {
    const { kept } = simulate(exactBudget, rates, flops)
    // Five standard errors of a Bernoulli mean.
    kept.forEach((share, i) => {
      const p = 1 - rates[i]!
      expect(Math.abs(share - p), `site ${i}`).toBeLessThanOrEqual(
        5 * Math.sqrt((p * (1 - p)) / DRAWS) + 1e-9,
      )
    })
  })

  it.each(cases)('%s: every pass is within one site of the budget, the mean on it', (_, rates, flops) => {
    const { costs } = simulate(exactBudget, rates, flops)
    const target = budget(rates, flops)
    const largest = Math.max(...flops)
    for (const cost of costs) expect(Math.abs(cost - target)).toBeLessThan(largest)
    const mean = costs.reduce((a, b) => a + b, 0) / DRAWS
    expect(Math.abs(mean - target)).toBeLessThan((5 * largest) / 2 / Math.sqrt(DRAWS) + 1e-9)
  })

  it('meets a budget of whole sites in every pass', () => {
    const { costs } = simulate(exactBudget, Array<number>(24).fill(0.5), Array<number>(24).fill(1))
    expect(new Set(costs)).toEqual(new Set([12]))
  })

  it('mixes neighbours: no two sites are always kept or dropped together', () => {
    const asked = request(Array<number>(8).fill(0.5), Array<number>(8).fill(1), 1)
    let together = 0
    for (let step = 0; step < DRAWS; step++) {
      const mask = exactBudget({ ...asked, step, pass: step })
      if (mask[0] === mask[1]) together++
    }
    // 4 of 8 kept at random: two given sites agree in 3 of 7.
    expect(together / DRAWS).toBeCloseTo(3 / 7, 1)
  })
})

it('Bernoulli drops independently', () => {
  const rates = [0.2, 0.5, 0.875]
  const { kept, costs } = simulate(bernoulli, rates, [1, 1, 1])
  kept.forEach((share, i) => expect(share).toBeCloseTo(1 - rates[i]!, 1))
  expect(new Set(costs)).toEqual(new Set([0, 1, 2, 3]))
})

describe('allocation by sensitivity', () => {
  const bounds = { minRate: 0, maxRate: 0.9 }

  it.each([0.25, 0.5, 0.75, 0.875])('meets the budget of %s exactly, without overshoot', (target) => {
    const sensitivities = [5, 1, 0.2, 3, 0.7, 0.01, 2, 9, 4]
    const rates = allocateRates({ sensitivities, flops: MIXED, target, ...bounds })
    const dropped = rates.reduce((sum, rate, i) => sum + rate * MIXED[i]!, 0)
    expect(dropped / MIXED.reduce((a, b) => a + b, 0)).toBeCloseTo(target, 12)
    for (const rate of rates) expect(rate).toBeLessThanOrEqual(0.9)
    expect(rates.at(-1), 'a site without cost is not dropped').toBe(0)
  })

  it('drops the insensitive more, and of equals the costly', () => {
    const rates = allocateRates({ sensitivities: [10, 1, 1], flops: [1, 1, 4], target: 0.5, ...bounds })
    expect(rates[0]).toBeLessThan(rates[1]!)
    expect(rates[1]).toBeLessThan(rates[2]!)
  })

  it('is uniform for equal sites', () => {
    const rates = allocateRates({
      sensitivities: Array<number>(6).fill(2),
      flops: Array<number>(6).fill(3),
      target: 0.5,
      ...bounds,
    })
    for (const rate of rates) expect(rate).toBeCloseTo(0.5, 12)
  })

  it('respects the least rate', () => {
    const rates = allocateRates({
      sensitivities: [1000, 1],
      flops: [1, 1],
      target: 0.5,
      minRate: 0.2,
      maxRate: 0.9,
    })
    expect(rates[0]).toBeCloseTo(0.2, 12)
    expect(rates[1]).toBeCloseTo(0.8, 12)
  })

  it.each([NaN, Infinity, -1])('refuses a sensitivity of %s', (bad) => {
    expect(() => allocateRates({ sensitivities: [1, bad], flops: [1, 1], target: 0.5, ...bounds })).toThrow(
      expect.objectContaining({ code: 'non-finite-sensitivity' }),
    )
  })

  it.each([
    [0.95, 0, 0.9],
    [0.5, 0, 1],
    [NaN, 0, 0.9],
    [-0.1, 0, 0.9],
  ])('refuses target %s with bounds %s to %s', (target, minRate, maxRate) => {
    expect(() => allocateRates({ sensitivities: [1], flops: [1], target, minRate, maxRate })).toThrow(
      expect.objectContaining({ code: 'drop-rate' }),
    )
  })
})
