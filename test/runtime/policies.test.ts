/** Every policy through the handler, on a model of eight blocks: budget, starvation, how long choices hold, resumption. */
import { describe, expect, it } from 'vitest'
import {
  DropBPHandler,
  POLICIES,
  type HandlerOptions,
  type Manifest,
  type MaskPolicy,
  type PolicyName,
} from '../../runtime/index.js'

const BLOCKS = 8
const PERIOD = 5
const NAMES = Object.keys(POLICIES) as PolicyName[]

/** Blocks of an attention and an MLP, twice as costly; each site has one parameter, and there is a head outside. */
function manifest(head: boolean): Pick<Manifest, 'sites' | 'parameters' | 'flops'> {
  const sites = Array.from({ length: 2 * BLOCKS }, (_, index) => ({
    name: `h.${index >> 1}.${index % 2 ? 'mlp' : 'attn'}`,
    index,
    layer: index >> 1,
    kind: index % 2 ? ('mlp' as const) : ('attention' as const),
    keep: `keep/${index}`,
    flops: { forward: 'seq', backward: index % 2 ? '2*seq' : 'seq' },
    parameters: [`p${index}`],
  }))
  const names = sites.map((site): [string, string[][]] => [site.parameters[0]!, [[site.name]]])
  return {
    sites,
    parameters: [...names, ...(head ? ([['head', [[]]]] as [string, string[][]][]) : [])].map(
      ([name, presentWhen]) => ({
        name,
        input: name,
        dtype: 'float32',
        shape: [1],
        gradient: `${name}_grad`,
        trainable: true,
        source: { initializer: name, transposed: false, derived: null, aliases: [] },
        sites: presentWhen.flat(),
        presentWhen,
      }),
    ),
    flops: { forward: 'seq', backward: '50*seq' },
  }
}

function handler(options: HandlerOptions, head = true): DropBPHandler {
  const made = new DropBPHandler(manifest(head), { seed: 3, period: PERIOD, ...options })
  made.setDims({ seq: 1 })
  return made
}

/** Masks of `steps` steps, `passes` each. */
function draw(h: DropBPHandler, steps: number, from = 0, passes = 1): boolean[][] {
  const masks: boolean[][] = []
  for (let step = from; step < from + steps; step++) {
    h.setProgress(step, 10_000)
    for (let i = 0; i < passes; i++) masks.push([...h.setDroppedLayers()])
  }
  return masks
}

const flopsOf = (mask: readonly boolean[]): number =>
  mask.reduce((sum, kept, i) => sum + (kept ? 0 : i % 2 ? 2 : 1), 0) / (3 * BLOCKS)

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length

const keptShares = (masks: readonly boolean[][]): number[] =>
  masks[0]!.map((_, i) => mean(masks.map((mask) => Number(mask[i]))))

describe.each(NAMES)('%s', (policy) => {
  it.each([0.25, 0.5, 0.75])('drops a share of %s of the FLOPs on average', (dropRate) => {
    const shares = draw(handler({ policy, dropRate }), 8000).map(flopsOf)
    // Independent draws scatter by 0.13; held blocks leave a fifth of the draws independent: four standard errors.
    const tolerance = policy === 'freeze' ? 1 / (2 * BLOCKS) : 0.015
    const got = mean(shares)
    if (policy === 'official') expect(got).toBeGreaterThan(dropRate)
    else expect(Math.abs(got - dropRate)).toBeLessThan(tolerance)
  })

  it('draws the same again from a checkpoint', () => {
    const whole = draw(handler({ policy, dropRate: 0.5 }), 60, 0, 2)
    const first = handler({ policy, dropRate: 0.5 })
    const masks = draw(first, 23, 0, 2)
    const second = handler({ policy, dropRate: 0.5, seed: 3 })
    second.restore(JSON.parse(JSON.stringify(first.state())) as ReturnType<typeof first.state>)
    expect([...masks, ...draw(second, 37, 23, 2)]).toEqual(whole)
  })

  it('drops nothing at rate 0', () => {
    expect(draw(handler({ policy, dropRate: 0 }), 20).flat()).not.toContain(false)
  })

  it('never draws a mask that trains nothing', () => {
    const h = handler({ policy, dropRate: 0.85 }, false)
    for (const mask of draw(h, 300)) expect(mask).toContain(true)
  })
})

describe('no site starves', () => {
  const moving = NAMES.filter((name) => name !== 'freeze' && name !== 'official')
  it.each(moving)('under %s', (policy) => {
    const shares = keptShares(draw(handler({ policy, dropRate: 0.5 }), 8000))
    expect(Math.min(...shares)).toBeGreaterThan(0.08)
    expect(shares.length).toBe(2 * BLOCKS)
  })

  it('though the official top-up drops the first ones more often than the last', () => {
    const shares = keptShares(draw(handler({ policy: 'official', dropRate: 0.5 }), 8000))
    expect(shares[0]).toBeLessThan(shares.at(-1)! - 0.1)
  })
})

describe('policies that draw blocks', () => {
  it.each(['lisa', 'block-coordinate'] as const)('%s keeps whole blocks, and holds them', (policy) => {
    const masks = draw(handler({ policy, dropRate: 0.5 }), 40 * PERIOD)
    const keys = masks.map(String)
    for (const mask of masks) for (let i = 0; i < mask.length; i += 2) expect(mask[i]).toBe(mask[i + 1])
    for (let i = 0; i < keys.length; i += PERIOD) expect(new Set(keys.slice(i, i + PERIOD)).size).toBe(1)
    expect(new Set(keys).size).toBeGreaterThan(1)
  })

  it('each block trains equally often under block-coordinate', () => {
    const turns = draw(handler({ policy: 'block-coordinate', dropRate: 0.75 }), BLOCKS * PERIOD)
    expect(new Set(keptShares(turns))).toEqual(new Set([0.25]))
  })

  it('lisa meets the budget of whole blocks in every draw', () => {
    const masks = draw(handler({ policy: 'lisa', dropRate: 0.75 }), 200)
    expect(new Set(masks.map(flopsOf))).toEqual(new Set([0.75]))
  })

  it('pass over blocks that train nothing', () => {
    const h = new DropBPHandler(
      { ...manifest(false), parameters: manifest(false).parameters.slice(-2) },
      { policy: 'block-coordinate', dropRate: 0.5, period: PERIOD },
    )
    h.setDims({ seq: 1 })
    for (const mask of draw(h, 30)) expect(mask.slice(-2)).toEqual([true, true])
  })
})

describe('freeze', () => {
  it('drops the first sites', () => {
    const [mask] = draw(handler({ policy: 'freeze', dropRate: 0.5 }), 1)
    expect(mask).toEqual([...Array<boolean>(8).fill(false), ...Array<boolean>(8).fill(true)])
  })

  it('drops the named sites, whatever the rate', () => {
    const h = handler({ policy: 'freeze', dropRate: 0.1, frozen: (site) => site.kind === 'attention' })
    expect(draw(h, 1)[0]).toEqual(Array.from({ length: 16 }, (_, i) => i % 2 === 1))
  })
})

it('stochastic depth drops deeper blocks more often', () => {
  const shares = keptShares(draw(handler({ policy: 'stochastic-depth', dropRate: 0.4 }), 8000))
  const rates = shares.map((kept) => 1 - kept)
  // Linear in depth: the last block's rate is eight times the first's.
  expect(rates.at(-1)! / rates[0]!).toBeGreaterThan(6)
  expect(rates.at(-1)! / rates[0]!).toBeLessThan(10)
})

it('rates rise over the warm-up', () => {
  const h = handler({ policy: 'bernoulli', dropRate: 0.5, dropWarmup: 4000 })
  const shares = draw(h, 8000).map(flopsOf)
  expect(mean(shares.slice(0, 400))).toBeLessThan(0.05)
  expect(mean(shares.slice(1800, 2200))).toBeCloseTo(0.25, 1)
  expect(mean(shares.slice(4000))).toBeCloseTo(0.5, 1)
})

describe('a policy of the user', () => {
  it('is asked with everything there is', () => {
    const asked: Parameters<MaskPolicy>[0][] = []
    const policy: MaskPolicy = (request) => {
      asked.push(request)
      return request.sites.map((site) => site.kind === 'mlp')
    }
    const h = handler({ policy, dropRate: 0.5 })
    h.setProgress(7, 100)
    expect(h.setDroppedLayers()).toEqual(Array.from({ length: 16 }, (_, i) => i % 2 === 1))
    expect(asked[0]).toMatchObject({ step: 7, steps: 100, pass: 0, rates: Array(16).fill(0.5) })
    expect(asked[0]!.flops.slice(0, 2)).toEqual([1, 2])
    expect(asked[0]!.trains(Array<boolean>(16).fill(false))).toBe(true)
  })

  it('is drawn again while nothing would train', () => {
    let calls = 0
    const policy: MaskPolicy = ({ sites }) => sites.map((_, i) => ++calls > 100 && i === 0)
    expect(handler({ policy }, false).setDroppedLayers()[0]).toBe(true)
    expect(calls).toBeGreaterThan(100)
  })

  it('ends with an error where nothing ever trains', () => {
    const policy: MaskPolicy = ({ sites }) => sites.map(() => false)
    expect(() => handler({ policy }, false).setDroppedLayers()).toThrow(
      expect.objectContaining({ code: 'nothing-trains' }),
    )
  })
})
