/** `DropBPHandler`: the operations of the official library, on hand-made manifests and on the tiny model. */
import { describe, expect, it } from 'vitest'
import { DropBPHandler, type HandlerOptions, type Manifest, type ParameterSpec } from '../../runtime/index.js'
import { openTiny, tinyData } from './tiny.js'

type Part = Pick<Manifest, 'sites' | 'parameters' | 'flops'>

/** `count` sites of one parameter each; `head` adds a parameter outside of them. */
function model(count: number, head: boolean): Part {
  const names = Array.from({ length: count }, (_, i) => `s${i}`)
  const parameter = (name: string, presentWhen: string[][]): ParameterSpec => ({
    name,
    input: name,
    dtype: 'float32',
    shape: [1],
    gradient: `${name}_grad`,
    trainable: true,
    source: { initializer: name, transposed: false, derived: null, aliases: [] },
    sites: presentWhen.flat(),
    presentWhen,
  })
  return {
    sites: names.map((name, index) => ({
      name,
      index,
      layer: index,
      kind: 'mlp',
      keep: `keep/${name}`,
      flops: { forward: 'seq', backward: `${index + 1}*batch*seq^2` },
      parameters: [`p${index}`],
    })),
    parameters: [
      ...names.map((s, i) => parameter(`p${i}`, [[s]])),
      ...(head ? [parameter('head', [[]])] : []),
    ],
    flops: { forward: 'seq', backward: '100*batch*seq^2' },
  }
}

function handler(count: number, head: boolean, options: HandlerOptions): DropBPHandler {
  const made = new DropBPHandler(model(count, head), options)
  made.setDims({ batch: 1, seq: 4 })
  return made
}

it('gives every site the initial rate', () => {
  const h = handler(3, true, { dropRate: 0.5 })
  expect(h.dropRates).toEqual([0.5, 0.5, 0.5])
  h.setInitialDropRate(0.25)
  expect(h.dropRates).toEqual([0.25, 0.25, 0.25])
})

it('reads FLOPs at the dimensions of the data', () => {
  const h = handler(3, true, {})
  expect(h.extractFlops()).toEqual([16, 32, 48])
  h.setDims({ batch: 2, seq: 10 })
  expect(h.extractFlops()).toEqual([200, 400, 600])
  expect(h.backwardFlops([true, false, true])).toEqual({ dropped: 400, sites: 1200, total: 20000 })
})

it('counts how often each site was dropped', () => {
  const h = handler(2, true, {})
  for (const mask of [
    [true, false],
    [false, false],
    [true, true],
  ])
    h.record(mask)
  expect(h.extractCount()).toEqual([1, 2])
})

describe('all sites dropped', () => {
  it('is allowed where something outside of the sites trains', () => {
    const h = handler(2, true, { dropRate: 0.9, policy: 'bernoulli' })
    const masks = Array.from({ length: 200 }, () => h.setDroppedLayers())
    expect(masks.some((m) => !m.includes(true))).toBe(true)
    h.record([false, false])
    expect(h.detectAllDropped()).toBe(true)
    expect(h.detectNonGrad()).toBe(false)
  })

  it('is drawn again where nothing would train', () => {
    const h = handler(2, false, { dropRate: 0.9, policy: 'bernoulli' })
    for (let i = 0; i < 200; i++) expect(h.setDroppedLayers()).toContain(true)
    h.record([false, false])
    expect(h.detectAllDropped()).toBe(true)
    expect(h.detectNonGrad()).toBe(true)
  })

  it('ends with an error where no mask trains anything', () => {
    const h = handler(2, false, { policy: () => [false, false] })
    expect(() => h.setDroppedLayers()).toThrow(expect.objectContaining({ code: 'nothing-trains' }))
  })
})

it('draws the same masks from the same seed, and goes on from a saved state', () => {
  const draw = (h: DropBPHandler, n: number): string[] =>
    Array.from({ length: n }, () => String(h.setDroppedLayers()))
  const a = handler(6, true, { dropRate: 0.5, seed: 3 })
  const all = draw(a, 20)
  expect(draw(handler(6, true, { dropRate: 0.5, seed: 4 }), 20)).not.toEqual(all)
  const b = handler(6, true, { dropRate: 0.5, seed: 3 })
  draw(b, 8)
  const saved = JSON.stringify(b.state())
  const c = handler(6, true, { dropRate: 0.5 })
  c.restore(JSON.parse(saved) as ReturnType<DropBPHandler['state']>)
  expect(draw(c, 12)).toEqual(all.slice(8))
  expect(c.extractCount()).toEqual(a.extractCount())
})

it('takes policies of the user', () => {
  const h = handler(3, true, { policy: ({ pass }) => [0, 1, 2].map((i) => i === pass % 3) })
  expect([h.setDroppedLayers(), h.setDroppedLayers()]).toEqual([
    [true, false, false],
    [false, true, false],
  ])
})

describe('sensitivity', () => {
  it('is the squared change of gradient norms, summed over parameters', async () => {
    const h = handler(2, true, { dropRate: 0.5 })
    const norms: Record<string, number[]> = {
      'true,true': [4, 9, 16],
      'false,true': [0, 9, 1],
      'true,false': [4, 0, 16],
    }
    const before = JSON.stringify(h.state().random)
    // (2−0)² + (3−3)² + (4−1)² and (3−0)²
    expect(await h.sensitivityBasedDropBP((mask) => Promise.resolve(norms[String(mask)]!))).toEqual([13, 9])
    expect(JSON.stringify(h.state().random)).toBe(before)
    expect(h.extractCount()).toEqual([0, 0])
    expect(h.dropRates[0]! * 16 + h.dropRates[1]! * 32).toBeCloseTo(0.5 * 48, 12)
  })

  it('refuses norms that are not finite', async () => {
    const h = handler(2, true, { dropRate: 0.5 })
    await expect(h.sensitivityBasedDropBP(() => Promise.resolve([NaN, 1, 1]))).rejects.toMatchObject({
      code: 'non-finite-sensitivity',
    })
    expect(h.dropRates).toEqual([0.5, 0.5])
  })

  it('changes nothing but the rates of a training', async () => {
    const [a, b] = [
      await openTiny({ dropbp: { dropRate: 0.5 } }),
      await openTiny({ dropbp: { dropRate: 0.5 } }),
    ]
    const batch = tinyData(a).next()
    await a.trainStep([batch], [[true, true]])
    await b.trainStep([batch], [[true, true]])
    const sensitivities = await a.assignRates(batch)
    expect(sensitivities?.every((s) => s > 0)).toBe(true)
    expect(a.handler.dropRates[0]! + a.handler.dropRates[1]!).toBeCloseTo(1, 12)
    const masks = [[true, false]]
    expect((await a.trainStep([batch], masks)).loss).toBe((await b.trainStep([batch], masks)).loss)
  })
})

it.each([
  ['setDropRates', (h: DropBPHandler) => h.setDropRates([0.5]), 'drop-rate'],
  ['setDropRates beyond the bounds', (h: DropBPHandler) => h.setDropRates([0.5, 1]), 'drop-rate'],
  ['record', (h: DropBPHandler) => h.record([true]), 'mask'],
])('%s refuses what does not fit', (_, act, code) => {
  expect(() => act(handler(2, true, {}))).toThrow(expect.objectContaining({ code }))
})

it('wants dimensions before masks', () => {
  expect(() => new DropBPHandler(model(1, true)).setDroppedLayers()).toThrow(
    expect.objectContaining({ code: 'unbound-dimension' }),
  )
})
