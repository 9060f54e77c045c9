/** The loop of a training: when masks are drawn, rates assigned, evaluations done, checkpoints kept, and when it stops. */
import { describe, expect, it } from 'vitest'
import {
  listCheckpoints,
  STOP,
  type Batch,
  type EventOf,
  type FitOptions,
  type Trainer,
  type TrainEvent,
} from '../../runtime/index.js'
import { openTiny, temporaryDirectory, tinyData } from './tiny.js'

async function events(trainer: Trainer, options: Partial<FitOptions> = {}): Promise<TrainEvent[]> {
  const all: TrainEvent[] = []
  for await (const event of trainer.fit({ data: tinyData(trainer), ...options })) all.push(event)
  return all
}

const ofType = <T extends TrainEvent['type']>(all: TrainEvent[], type: T): EventOf<T>[] =>
  all.filter((e): e is EventOf<T> => e.type === type)

describe('masks', () => {
  const dropbp = { dropRate: 0.5, policy: 'bernoulli', seed: 1 } as const

  it('are drawn for every micro-batch, or held for a step', async () => {
    const each = ofType(await events(await openTiny({ steps: 12, dropbp }), { accumulate: 4 }), 'step')
    expect(each.some(({ masks }) => new Set(masks.map(String)).size > 1)).toBe(true)
    const held = await openTiny({ steps: 12, dropbp, maskPer: 'step' })
    const steps = ofType(await events(held, { accumulate: 4 }), 'step')
    for (const { masks } of steps) expect(new Set(masks.map(String)).size).toBe(1)
    expect(new Set(steps.map(({ masks }) => String(masks[0]))).size).toBeGreaterThan(1)
    expect(held.handler.state().draws).toBe(48)
  })
})

describe('drop rates', () => {
  const dropbp = { dropRate: 0.5, policy: 'bernoulli' } as const
  const stepsOf = (all: TrainEvent[]): number[] => ofType(all, 'rates').map((e) => e.step)

  it.each([
    ['uniform', undefined, []],
    ['sensitivity', undefined, [2]],
    ['sensitivity', [0.25, 12], [5, 12]],
    ['online', [0.5, 18], [10, 18]],
    ['depth', undefined, [0]],
  ] as const)('%s at %s are assigned before steps %s', async (rates, ratesAt, expected) => {
    expect(stepsOf(await events(await openTiny({ steps: 20, dropbp, rates, ratesAt })))).toEqual(expected)
  })

  it('online measure as they go: sensitivities differ, the budget is met', async () => {
    const trainer = await openTiny({ steps: 24, dropbp, rates: 'online', ratesAt: [20] })
    const [{ rates, sensitivities }] = ofType(await events(trainer), 'rates') as [EventOf<'rates'>]
    expect(sensitivities!.every((s) => s > 0)).toBe(true)
    const flops = trainer.handler.extractFlops()
    const dropped = rates.reduce((sum, rate, i) => sum + rate * flops[i]!, 0)
    expect(dropped / flops.reduce((a, b) => a + b, 0)).toBeCloseTo(0.5, 10)
  })

  it.each(['sensitivity', 'online', 'depth'] as const)(
    '%s: a resumed training is bit for bit the same',
    async (rates) => {
      const options = { steps: 24, dropbp, rates, ratesAt: [4, 10, 16] }
      const whole = ofType(await events(await openTiny(options)), 'step').map((e) => e.loss)
      const root = temporaryDirectory()
      const first = await openTiny(options)
      const losses: number[] = []
      for await (const event of first.fit({ data: tinyData(first), checkpoints: root, saveEvery: 13 })) {
        if (event.type === 'step') losses.push(event.loss)
        if (event.type === 'checkpoint') break
      }
      const second = await openTiny(options)
      const data = tinyData(second)
      data.seek(second.resume(listCheckpoints(root)[0]!.directory)!)
      losses.push(...ofType(await events(second, { data }), 'step').map((e) => e.loss))
      expect(losses).toEqual(whole)
    },
  )

  it.each([[[1.5]], [[24]], [[-1]]])('are not assigned at %s', async (ratesAt) => {
    await expect(openTiny({ steps: 24, rates: 'sensitivity', ratesAt })).rejects.toMatchObject({
      code: 'rates-at',
    })
  })
})

/** A validation set of one batch. */
function validation(trainer: Trainer): () => Batch[] {
  const batch = tinyData(trainer, { seed: 9 }).next()
  return () => [batch]
}

describe('early stopping', () => {
  it('ends after evaluations without improvement, and does not go on when resumed', async () => {
    // Nothing is learned at rate 0, so the first evaluation stays the best.
    const trainer = await openTiny({ steps: 24, learningRate: 0 })
    const root = temporaryDirectory()
    const options = { validation: validation(trainer), evaluateEvery: 2, patience: 3 }
    const all = await events(trainer, { ...options, checkpoints: root, saveEvery: 100 })
    expect(all.at(-1)).toEqual({ type: 'early-stop', step: 8, best: 2 })
    expect(ofType(all, 'evaluation').map((e) => e.best)).toEqual([true, false, false, false])
    const [saved] = listCheckpoints(root)
    expect(saved!.step).toBe(8)
    const again = await openTiny({ steps: 24, learningRate: 0 })
    again.resume(saved!.directory)
    expect(await events(again, options)).toEqual([{ type: 'early-stop', step: 8, best: 2 }])
  })

  it('does not end while the loss falls', async () => {
    const trainer = await openTiny({ steps: 24 })
    const all = await events(trainer, { validation: validation(trainer), evaluateEvery: 8, patience: 1 })
    expect(ofType(all, 'step')).toHaveLength(24)
  })
})

describe('callbacks', () => {
  it('are called with each event, in order, and awaited', async () => {
    const trainer = await openTiny({ steps: 4 })
    const heard: string[] = []
    const later = async (text: string): Promise<void> => {
      await new Promise((resolve) => setTimeout(resolve, 1))
      heard.push(text)
    }
    await trainer.train(
      { data: tinyData(trainer), validation: validation(trainer), evaluateEvery: 2 },
      {
        onStep: ({ step }) => later(`step ${step}`),
        onEvaluation: ({ step }, own) =>
          later(`evaluation ${step} of ${own === trainer ? 'ours' : 'another'}`),
        onEvent: ({ type }) => void heard.push(type),
      },
    )
    expect(heard.filter((x) => x.includes(' '))).toEqual([
      ...['step 1', 'step 2', 'evaluation 2 of ours', 'step 3', 'step 4', 'evaluation 4 of ours'],
    ])
    expect(heard.slice(0, 2)).toEqual(['step', 'step 1'])
  })

  it('end a training, which is saved', async () => {
    const trainer = await openTiny({ steps: 20 })
    const root = temporaryDirectory()
    await trainer.train(
      { data: tinyData(trainer), checkpoints: root, saveEvery: 100 },
      { onStep: ({ step }) => (step === 3 ? STOP : undefined) },
    )
    expect(trainer.step).toBe(3)
    expect(listCheckpoints(root).map((c) => c.step)).toEqual([3])
  })
})

it('the best checkpoint is kept beside the newest', async () => {
  // A rate that ruins the model: the loss is best at the first evaluation.
  const trainer = await openTiny({ steps: 12, learningRate: 0.5 })
  const root = temporaryDirectory()
  const all = await events(trainer, {
    validation: validation(trainer),
    evaluateEvery: 2,
    checkpoints: root,
    saveEvery: 4,
    keep: 2,
    keepBest: true,
  })
  const best = ofType(all, 'evaluation')
    .filter((e) => e.best)
    .at(-1)!.step
  expect(best).toBeLessThan(8)
  expect(listCheckpoints(root).map((c) => c.step)).toEqual([12, 8, best])
})
