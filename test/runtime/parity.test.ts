/** The trainer against PyTorch: same data, masks, AdamW, accumulation and clipping. */
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { readSafetensors, Trainer, type StepResult } from '../../runtime/index.js'
import { FIXTURES, openTiny, reference, tinyData } from './tiny.js'

const weights = readSafetensors(path.join(FIXTURES, 'reference.safetensors'))

function relativeError(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  let error = 0
  let size = 0
  for (let i = 0; i < expected.length; i++) {
    error += (got[i]! - expected[i]!) ** 2
    size += expected[i]! ** 2
  }
  return Math.sqrt(error / size)
}

async function train(trainer: Trainer, accumulate: number): Promise<StepResult[]> {
  const data = tinyData(trainer, { shuffle: false })
  const results: StepResult[] = []
  for (let at = 0; at < reference.masks.length; at += accumulate) {
    const batches = Array.from({ length: accumulate }, () => data.next())
    results.push(await trainer.trainStep(batches, reference.masks.slice(at, at + accumulate)))
  }
  return results
}

describe.each(Object.keys(reference.runs))('%s', (name) => {
  const run = reference.runs[name]!

  it('has the losses, gradient norms and final weights of PyTorch', async () => {
    const trainer = await openTiny({ clipNorm: run.clip })
    const results = await train(trainer, run.accumulate)
    results.forEach((r, i) =>
      expect(Math.abs(r.loss / run.losses[i]! - 1), `loss of step ${i}`).toBeLessThan(1e-4),
    )
    run.norms.forEach((norm, i) => expect(results[i]!.gradientNorm / norm).toBeCloseTo(1, 4))
    trainer.state.parameters.forEach((spec, i) => {
      const got = trainer.state.value(i).data as Float32Array
      const expected = weights.get(`${name}/${spec.name}`)!.data as Float32Array
      expect(relativeError(got, expected), spec.name).toBeLessThan(1e-4)
    })
  })
})

it('leaves a parameter without gradient alone: value, moments, decay and step counter', async () => {
  const trainer = await openTiny()
  const data = tinyData(trainer)
  await trainer.trainStep([data.next()], [[true, true]])
  const copy = (): Map<string, number[]> =>
    new Map(
      [...trainer.state.storedParameters(), ...trainer.state.storedMoments()].map(([n, t]) => [
        n,
        Array.from(t.data as Float32Array),
      ]),
    )
  const before = copy()
  const { dropRate, backwardSkipped } = await trainer.trainStep([data.next()], [[false, true]])
  const after = copy()
  for (const [name, values] of before) {
    if (name.startsWith('layers.0.')) expect(after.get(name), name).toEqual(values)
    else expect(after.get(name), name).not.toEqual(values)
  }
  expect(dropRate).toBe(0.5)
  expect(backwardSkipped).toBeCloseTo((8 * 8 * 12) / (16 * 8 * 12 + 4 * 8 * 256), 12)
})

it('weights micro-batches by their counted labels', async () => {
  const whole = await openTiny()
  const data = tinyData(whole, { shuffle: false })
  const [a, b] = [data.next(), data.next()]
  // The second micro-batch counts 3 labels of each row instead of 7.
  const labels = b.labels!.data as BigInt64Array
  for (let i = 0; i < labels.length; i++) if (i % 8 > 3) labels[i] = -100n
  const accumulated = await openTiny()
  const both = await accumulated.trainStep(
    [a, b],
    [
      [true, true],
      [true, true],
    ],
  )
  const join = (x: BigInt64Array, y: BigInt64Array): BigInt64Array => BigInt64Array.from([...x, ...y])
  const ids = {
    dtype: 'int64',
    shape: [4, 8],
    data: join(a.inputs.input_ids!.data as BigInt64Array, b.inputs.input_ids!.data as BigInt64Array),
  }
  const joined = { dtype: 'int64', shape: [4, 8], data: join(a.labels!.data as BigInt64Array, labels) }
  const one = await whole.trainStep([{ inputs: { input_ids: ids }, labels: joined }], [[true, true]])
  expect(both.loss).toBeCloseTo(one.loss, 5)
  expect(both.gradientNorm / one.gradientNorm).toBeCloseTo(1, 5)
  whole.state.parameters.forEach((_, i) => {
    expect(
      relativeError(
        accumulated.state.value(i).data as Float32Array,
        whole.state.value(i).data as Float32Array,
      ),
    ).toBeLessThan(1e-5)
  })
})

it('evaluates as PyTorch does, over all labels', async () => {
  const trainer = await openTiny()
  const data = tinyData(trainer, { shuffle: false })
  const { loss, perplexity, batches } = await trainer.evaluate([data.next()])
  expect(loss).toBeCloseTo(reference.runs.plain!.losses[0]!, 5)
  expect(perplexity).toBeCloseTo(Math.exp(loss), 6)
  expect(batches).toBe(1)
})
