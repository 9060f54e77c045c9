/** Batches made ahead: the same ones in the same order, from every position on. */
import { setTimeout as pause } from 'node:timers/promises'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  Batches,
  latestCheckpoint,
  openCompiled,
  prefetch,
  readTokens,
  TokenWindows,
  type Batch,
  type BatchSource,
  type DataPosition,
  type FitOptions,
  type Trainer,
} from '../../../runtime/index.js'
import { openTiny, temporaryDirectory, TINY, tinyData, TOKENS } from '../tiny.js'

const { manifest } = openCompiled(TINY)
const batches = (): Batches =>
  new Batches(manifest, new TokenWindows(readTokens(TOKENS), 8), { batch: 2, seed: 3 })

/** A source that takes its time, now more, now less; `fails` at these batches. */
function slow(fails: readonly number[] = []): BatchSource & { asked: number; atOnce: number } {
  const inner = batches()
  let busy = 0
  const source = {
    asked: 0,
    atOnce: 0,
    next: async () => {
      source.atOnce = Math.max(source.atOnce, ++busy)
      const n = ++source.asked
      await pause(n % 3)
      busy--
      if (fails.includes(n)) throw new Error(`batch ${n}`)
      return inner.next()
    },
    position: () => inner.position(),
    seek: (to: DataPosition) => inner.seek(to),
  }
  return source
}

async function take(source: BatchSource, n: number): Promise<Batch[]> {
  const taken: Batch[] = []
  while (taken.length < n) taken.push(await source.next())
  return taken
}

const SOURCES = { 'one that computes': batches, 'one that waits': () => slow() }

describe.each(Object.entries(SOURCES))('%s', (_, open) => {
  it.each([1, 2, 7])('gives the same batches, %i ahead, and stands where they were taken', async (ahead) => {
    const plain = batches()
    const source = prefetch(open(), ahead)
    expect(source.position()).toEqual(plain.position())
    for (let i = 0; i < 30; i++) {
      expect(await source.next()).toEqual(plain.next())
      expect(source.position()).toEqual(plain.position())
      if (i % 4 === 0) await pause(5)
      expect(source.position()).toEqual(plain.position())
    }
  })

  it('goes on from every position, also while it is at work', async () => {
    const expected = await take(batches(), 40)
    const source = prefetch(open(), 3)
    const positions = [source.position()]
    for (let i = 0; i < 30; i++) {
      await source.next()
      positions.push(source.position())
    }
    for (const at of [0, 17, 4, 4, 30]) {
      source.seek(JSON.parse(JSON.stringify(positions[at])) as DataPosition)
      expect(await take(source, 5)).toEqual(expected.slice(at, at + 5))
    }
    // Asked for and then not wanted: what was being made is dropped.
    const stale = source.next()
    source.seek(positions[9]!)
    source.seek(positions[2]!)
    expect(await stale).toEqual(expected[2])
    expect(await take(source, 3)).toEqual(expected.slice(3, 6))
  })
})

it('works ahead, one batch at a time, and no further than told', async () => {
  const inner = slow()
  const source = prefetch(inner, 3)
  await pause(20)
  expect(inner.asked).toBe(0)
  await source.next()
  await pause(60)
  expect(inner.asked).toBe(4)
  await Promise.all([source.next(), source.next()])
  await pause(60)
  expect({ asked: inner.asked, atOnce: inner.atOnce }).toEqual({ asked: 6, atOnce: 1 })
})

it('tells of a failure in its turn, once, and goes on', async () => {
  const expected = await take(batches(), 6)
  const source = prefetch(slow([3]), 4)
  expect(await take(source, 2)).toEqual(expected.slice(0, 2))
  await pause(30)
  const before = source.position()
  await expect(source.next()).rejects.toThrow('batch 3')
  expect(source.position()).toEqual(before)
  expect(await take(source, 2)).toEqual(expected.slice(2, 4))
})

it('refuses positions of other data, and numbers that are none', async () => {
  const wrong = { epoch: 0, index: 1, of: 7 }
  expect(() => prefetch(batches()).seek(wrong)).toThrow(expect.objectContaining({ code: 'data-position' }))
  const busy = prefetch(slow())
  const first = busy.next()
  await pause(0)
  busy.seek(wrong)
  await expect(first).rejects.toMatchObject({ code: 'data-position' })
  for (const ahead of [0, 1.5, NaN])
    expect(() => prefetch(batches(), ahead)).toThrow(expect.objectContaining({ code: 'bad-value' }))
})

/** The built package: a thread is started with a file of it. */
const built = async (): Promise<typeof import('../../../runtime/index.js')> =>
  (await import(path.join(import.meta.dirname, '../../../dist/runtime/index.js'))) as never

describe('in a thread', () => {
  const OPTIONS = { data: TOKENS, maxLength: 8, batch: 2, seed: 3, validation: 0.1 }

  it('gives the batches of openData, from every position, validation as often as wanted', async () => {
    const { openData, openDataInThread } = await built()
    const plain = await openData(manifest, OPTIONS)
    const data = await openDataInThread(manifest, OPTIONS, { ahead: 3 })
    expect({ rows: await data.rowsPerEpoch(), batch: data.batchSize, examples: data.examples }).toEqual({
      rows: plain.train.rowsPerEpoch(),
      batch: 2,
      examples: plain.examples,
    })
    const held = [...plain.validation!()]
    const positions: DataPosition[] = []
    const expected: Batch[] = []
    for (let i = 0; i < 12; i++) {
      positions.push(data.train.position())
      expect(data.train.position()).toEqual(plain.train.position())
      expected.push(plain.train.next())
      expect(await data.train.next()).toEqual(expected[i])
      if (i % 5 > 0) continue
      // Left early, then gone through: nothing of the first round comes in the second.
      for await (const batch of data.validation!()) {
        expect(batch).toEqual(held[0])
        break
      }
      const all: Batch[] = []
      for await (const batch of data.validation!()) all.push(batch)
      expect(all).toEqual(held)
    }
    for (const at of [7, 0, 3]) {
      data.train.seek(positions[at]!)
      expect(await take(data.train, 3)).toEqual(expected.slice(at, at + 3))
    }
    data.train.seek({ epoch: 0, index: 1, of: 7 })
    await expect(data.train.next()).rejects.toMatchObject({ code: 'data-position', kind: 'usage' })
    await data.close()
    await data.close()
  })

  it('tells what is wrong with the data as openData does', async () => {
    const { openDataInThread } = await built()
    const opening = openDataInThread(manifest, { ...OPTIONS, data: '/nowhere.bin' })
    await expect(opening).rejects.toMatchObject({ code: 'missing-file', kind: 'io' })
  })
})

describe('a training', () => {
  async function losses(trainer: Trainer, options: FitOptions, until = Infinity): Promise<number[]> {
    const all: number[] = []
    const signal = { aborted: false }
    for await (const event of trainer.fit({ accumulate: 2, ...options, signal })) {
      if (event.type !== 'step') continue
      all.push(event.loss)
      signal.aborted = event.step === until
    }
    return all
  }

  it.each<[string, (trainer: Trainer) => Promise<BatchSource>]>([
    ['prefetch', (trainer) => Promise.resolve(prefetch(tinyData(trainer, { seed: 9 }), 5))],
    [
      'a thread',
      async (trainer) => {
        const { openDataInThread } = await built()
        const options = { data: TOKENS, maxLength: 8, batch: 2, seed: 9 }
        return (await openDataInThread(trainer.compiled.manifest, options)).train
      },
    ],
  ])('with %s resumes to the same losses, bit for bit', async (_, open) => {
    const whole = await openTiny()
    const expected = await losses(whole, { data: tinyData(whole, { seed: 9 }) })
    const checkpoints = temporaryDirectory()
    const first = await openTiny()
    const before = await losses(first, { data: await open(first), checkpoints }, 7)
    const second = await openTiny()
    const data = await open(second)
    data.seek(second.resume(latestCheckpoint(checkpoints).directory)!)
    expect([...before, ...(await losses(second, { data }))]).toEqual(expected)
  })
})
