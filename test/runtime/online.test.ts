/** The online estimate of sensitivities: against known ones, and against the official measurement of a real model. */
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  bernoulli,
  Batches,
  OnlineSensitivity,
  Random,
  readTokens,
  TokenWindows,
  Trainer,
} from '../../runtime/index.js'
import { compile } from '../../src/index.js'

/** Three sites of one parameter each, in this order, and a parameter below them all. */
const OWNED = [
  [true, false, false],
  [false, true, false],
  [false, false, true],
  [false, false, false],
]

/** Norms under a mask: what a site passes on multiplies the norms below it. */
const GAIN = [1.5, 1.2, 1.05]
function norms(mask: readonly boolean[], noise: number): number[] {
  const after = (site: number): number =>
    GAIN.slice(site).reduce((g, f, i) => (mask[site + i] ? g * f : g), 1)
  const own = [3, 2, 1].map((base, site) => (mask[site] ? base * after(site + 1) : 0))
  return [...own, after(0)].map((n) => (n * (1 + noise)) ** 2)
}

/** The official sum, without noise. */
function official(site: number): number {
  const all = norms([true, true, true], 0)
  const without = norms(
    [0, 1, 2].map((i) => i !== site),
    0,
  )
  return all.reduce((sum, g, p) => sum + (Math.sqrt(g) - Math.sqrt(without[p]!)) ** 2, 0)
}

describe('against known sensitivities', () => {
  const random = Random.seeded(5)

  function observe(online: OnlineSensitivity, passes: number, noise: number, rate = 0.5): void {
    for (let pass = 0; pass < passes; pass++) {
      const mask = [0, 1, 2].map(() => random.uniform() >= rate)
      const present = OWNED.map((owned) => owned.every((own, site) => !own || mask[site]))
      online.observe(mask, present, norms(mask, noise * (2 * random.uniform() - 1)))
    }
  }

  it('is in their order and near them, though the norms are noisy', () => {
    const online = new OnlineSensitivity(OWNED, 3, 400)
    observe(online, 2000, 0.3, 0.1)
    const got = online.estimate()!
    ;[0, 1, 2].forEach((site) => expect(got[site]! / official(site), `site ${site}`).toBeCloseTo(1, 0))
    expect(got[0]).toBeGreaterThan(got[1]!)
    expect(got[1]).toBeGreaterThan(got[2]!)
  })

  it('takes the noise off: a site that changes nothing comes out near zero', () => {
    const online = new OnlineSensitivity([[false]], 1, 1000)
    for (let pass = 0; pass < 4000; pass++)
      online.observe([random.uniform() < 0.5], [true], [(1 + random.uniform()) ** 2])
    expect(online.estimate()![0]).toBeLessThan(1e-3)
  })

  it('forgets: it follows gradients that shrink', () => {
    const online = new OnlineSensitivity([[true]], 1, 20)
    for (let pass = 0; pass < 200; pass++) online.observe([true], [true], [100])
    for (let pass = 0; pass < 200; pass++) online.observe([true], [true], [1])
    expect(online.estimate()![0]).toBeCloseTo(1, 1)
  })

  it('says nothing before every site was seen', () => {
    const online = new OnlineSensitivity(OWNED, 3)
    expect(online.estimate()).toBeNull()
    for (let i = 0; i < 5; i++) online.observe([true, true, false], [true, true, false, true], [1, 1, 0, 1])
    expect(online.estimate()).toBeNull()
    observe(online, 50, 0)
    expect(online.estimate()).not.toBeNull()
  })

  it('takes no notice of passes that are not finite, and goes on from a saved state', () => {
    const online = new OnlineSensitivity(OWNED, 3)
    observe(online, 50, 0.1)
    online.observe([true, true, true], [true, true, true, true], [1, NaN, 1, 1])
    const other = new OnlineSensitivity(OWNED, 3)
    other.restore(JSON.parse(JSON.stringify(online.state())) as ReturnType<typeof online.state>)
    expect(other.count).toBe(50)
    expect(other.estimate()).toEqual(online.estimate())
  })
})

describe('on a transformer', () => {
  let root: string
  beforeAll(() => (root = mkdtempSync(path.join(os.tmpdir(), 'online-'))))
  afterAll(() => rmSync(root, { recursive: true }))

  it('agrees with the official measurement about which sites matter most', async () => {
    const directory = path.join(root, 'model')
    const source = path.resolve(import.meta.dirname, '../models/gpt2.onnx')
    compile(source, { loss: { kind: 'causal-lm' } }).write(directory)
    const trainer = await Trainer.open(directory, {
      steps: 300,
      learningRate: 0,
      rates: 'online',
      dropbp: { dropRate: 0.4, policy: bernoulli },
      session: { threads: 1 },
    })
    const tokens = readTokens(path.resolve(import.meta.dirname, '../parity/tokens.bin'))
    const data = new Batches(trainer.compiled.manifest, new TokenWindows(tokens, 10), { batch: 4 })
    while (trainer.step < 300) await trainer.trainStep([data.next()])
    const estimated = trainer.handler.assignOnlineRates()!
    const rates = [...trainer.handler.dropRates]
    const measured: number[] = trainer.handler.sites.map(() => 0)
    for (let i = 0; i < 10; i++) {
      const sample = await trainer.handler.sensitivityBasedDropBP(measureOf(trainer, data))
      sample.forEach((s, site) => (measured[site]! += s / 10))
    }
    await trainer.release()
    estimated.forEach((s, site) => expect(s / measured[site]!, `site ${site}`).toBeGreaterThan(0.5))
    estimated.forEach((s, site) => expect(s / measured[site]!, `site ${site}`).toBeLessThan(2))
    // What differs clearly is in the same order.
    for (const [a, more] of measured.entries())
      for (const [b, less] of measured.entries())
        if (more > 1.25 * less) expect(estimated[a], `sites ${a} and ${b}`).toBeGreaterThan(estimated[b]!)
    expect(Math.max(...measured)).toBeGreaterThan(1.25 * Math.min(...measured))
    expect(new Set(rates).size).toBeGreaterThan(1)
  })
})

function measureOf(
  trainer: Trainer,
  data: Batches,
): (mask: readonly boolean[]) => Promise<readonly number[]> {
  const batch = data.next()
  return (mask) => trainer.measure(batch, mask)
}
