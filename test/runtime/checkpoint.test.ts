/** Checkpoints: resuming is bit-exact, and no failure at any moment costs an older one. */
import fs from 'node:fs'
import path from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  latestCheckpoint,
  listCheckpoints,
  readCheckpoint,
  Trainer,
  type TrainEvent,
} from '../../runtime/index.js'
import { openTiny, temporaryDirectory, tinyData } from './tiny.js'

const OPTIONS = {
  steps: 20,
  schedule: 'cosine',
  warmup: 4,
  clipNorm: 0.6,
  dropbp: { dropRate: 0.5, seed: 5 },
  rates: 'sensitivity',
} as const

async function fit(
  trainer: Trainer,
  data: ReturnType<typeof tinyData>,
  extra: object = {},
): Promise<TrainEvent[]> {
  const events: TrainEvent[] = []
  for await (const event of trainer.fit({ data, accumulate: 2, ...extra })) events.push(event)
  return events
}

const losses = (events: TrainEvent[]): number[] => events.flatMap((e) => (e.type === 'step' ? [e.loss] : []))

function values(trainer: Trainer): [string, string][] {
  return [...trainer.state.storedParameters(), ...trainer.state.storedMoments()].map(([name, { data }]) => [
    name,
    Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64'),
  ])
}

describe('resuming', () => {
  it.each([1, 7, 15])('after step %i equals the uninterrupted run, bit by bit', async (at) => {
    const whole = await openTiny(OPTIONS)
    const expected = await fit(whole, tinyData(whole, { seed: 9 }))

    const root = temporaryDirectory()
    const first = await openTiny(OPTIONS)
    const stop = new AbortController()
    for await (const event of first.fit({
      data: tinyData(first, { seed: 9 }),
      accumulate: 2,
      checkpoints: root,
      signal: stop.signal,
    })) {
      if (event.type === 'step' && event.step === at) stop.abort()
    }
    expect(listCheckpoints(root).map((c) => c.step)).toEqual([at])

    const second = await openTiny(OPTIONS)
    const data = tinyData(second, { seed: 9 })
    data.seek(second.resume(latestCheckpoint(root).directory)!)
    const rest = await fit(second, data)
    expect(losses(rest)).toEqual(losses(expected).slice(at))
    expect(values(second)).toEqual(values(whole))
    expect(second.handler.state()).toEqual(whole.handler.state())
    expect(second.tokens).toBe(whole.tokens)
  })
})

it('is saved when stopped at any moment, between steps too', async () => {
  const root = temporaryDirectory()
  const trainer = await openTiny(OPTIONS)
  const stop = new AbortController()
  for await (const event of trainer.fit({
    data: tinyData(trainer),
    checkpoints: root,
    saveEvery: 2,
    signal: stop.signal,
  })) {
    if (event.type === 'step' && event.step === 3) setImmediate(() => stop.abort())
  }
  expect(trainer.step).toBeLessThan(OPTIONS.steps)
  expect(latestCheckpoint(root).step).toBe(trainer.step)
})

it('saves every so many steps and keeps the newest', async () => {
  const root = temporaryDirectory()
  const trainer = await openTiny({ ...OPTIONS, steps: 7 })
  await fit(trainer, tinyData(trainer), { checkpoints: root, saveEvery: 2, keep: 3 })
  expect(listCheckpoints(root).map((c) => c.step)).toEqual([7, 6, 4])
  expect(readCheckpoint(listCheckpoints(root)[0]!.directory).state.data).toEqual({
    epoch: 0,
    index: 28,
    of: 48,
  })
})

describe('damage', () => {
  async function saved(steps: number[]): Promise<string> {
    const root = temporaryDirectory()
    const trainer = await openTiny(OPTIONS)
    const data = tinyData(trainer)
    for (let step = 1; step <= Math.max(...steps); step++) {
      await trainer.trainStep([data.next()])
      if (steps.includes(step)) trainer.save(root, data.position())
    }
    return root
  }

  it.each([
    ['a flipped bit', (file: string) => flip(file)],
    ['a cut', (file: string) => fs.truncateSync(file, 100)],
    ['a missing file', (file: string) => fs.rmSync(file)],
  ])('%s is found, and the older checkpoint taken', async (_, damage) => {
    const root = await saved([1, 2])
    const newest = listCheckpoints(root)[0]!.directory
    damage(path.join(newest, 'optimizer.safetensors'))
    expect(() => readCheckpoint(newest)).toThrow(
      expect.objectContaining({ code: 'checkpoint-corrupt', kind: 'io' }),
    )
    const found = latestCheckpoint(root)
    expect(found.step).toBe(1)
    expect(found.damaged).toHaveLength(1)
  })

  it('without any good checkpoint is an error', async () => {
    const root = await saved([1])
    fs.writeFileSync(path.join(listCheckpoints(root)[0]!.directory, 'state.json'), '{')
    expect(() => latestCheckpoint(root)).toThrow(expect.objectContaining({ code: 'no-checkpoint' }))
    expect(() => latestCheckpoint(temporaryDirectory())).toThrow(
      expect.objectContaining({ code: 'no-checkpoint' }),
    )
  })

  it('a checkpoint of another model is refused', async () => {
    const root = await saved([1])
    const { directory } = listCheckpoints(root)[0]!
    const file = path.join(directory, 'state.json')
    fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replace(/"source": "\w+"/, '"source": "other"'))
    const trainer = await openTiny(OPTIONS)
    expect(() => trainer.resume(directory)).toThrow(expect.objectContaining({ code: 'wrong-checkpoint' }))
  })
})

function flip(file: string): void {
  const bytes = fs.readFileSync(file)
  bytes[bytes.length - 1]! ^= 1
  fs.writeFileSync(file, bytes)
}

describe('a full disk', () => {
  afterEach(() => vi.restoreAllMocks())

  it.each([1, 3, 5, 7])(
    'at write %i is told, nothing half-written stays, the old checkpoint is intact',
    async (nth) => {
      const root = temporaryDirectory()
      const trainer = await openTiny(OPTIONS)
      const data = tinyData(trainer)
      await trainer.trainStep([data.next()])
      const { directory } = trainer.save(root, data.position())
      await trainer.trainStep([data.next()])
      const write = fs.writeSync.bind(fs) as (...args: unknown[]) => number
      let writes = 0
      vi.spyOn(fs, 'writeSync').mockImplementation((...args: unknown[]) => {
        if (++writes >= nth)
          throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
        return write(...args)
      })
      expect(() => trainer.save(root, data.position())).toThrow(
        expect.objectContaining({ code: 'disk-full', kind: 'io' }),
      )
      vi.restoreAllMocks()
      expect(fs.readdirSync(root)).toEqual([path.basename(directory)])
      expect(latestCheckpoint(root).step).toBe(1)
      trainer.save(root, data.position())
      expect(latestCheckpoint(root).step).toBe(2)
    },
  )
})

describe('a process that dies while saving', () => {
  afterEach(() => vi.restoreAllMocks())

  /** Every file system call that saving makes is, in turn, the last one of the process. */
  it('leaves a loadable checkpoint at every point, and no trace after the next save', async () => {
    const root = temporaryDirectory()
    const trainer = await openTiny(OPTIONS)
    const data = tinyData(trainer)
    await trainer.trainStep([data.next()])
    trainer.save(root, data.position())
    const calls = ['mkdirSync', 'openSync', 'writeSync', 'fsyncSync', 'renameSync', 'rmSync'] as const
    for (let point = 1, died = true; died; point++) {
      await trainer.trainStep([data.next()])
      let count = 0
      for (const name of calls) {
        const real = fs[name].bind(fs) as (...args: unknown[]) => unknown
        vi.spyOn(fs, name).mockImplementation(((...args: unknown[]) => {
          if (++count >= point) throw new Error('dead')
          return real(...args)
        }) as never)
      }
      died = didThrow(() => trainer.save(root, data.position()))
      vi.restoreAllMocks()
      const latest = latestCheckpoint(root)
      expect(latest.damaged).toEqual([])
      expect([trainer.step, trainer.step - 1]).toContain(latest.step)
      if (point > 200) throw new Error('saving never came to an end')
      trainer.save(root, data.position())
      expect(fs.readdirSync(root).filter((name) => name.startsWith('.'))).toEqual([])
    }
  })
})

function didThrow(act: () => unknown): boolean {
  try {
    act()
    return false
  } catch {
    return true
  }
}
