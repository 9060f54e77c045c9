/** What the evaluation graph tells beside the loss, against plain code over the source model's logits. */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openCompiled, openSession, Trainer, type Batch, type HostTensor } from '../../runtime/index.js'
import { compile } from '../../src/index.js'

const SOURCE = path.resolve(import.meta.dirname, '../models/gpt2.onnx')
const [ROWS, SEQ, IGNORED] = [3, 10, -100]

let root: string
beforeAll(() => (root = fs.mkdtempSync(path.join(os.tmpdir(), 'measures-'))))
afterAll(() => fs.rmSync(root, { recursive: true }))

const ids = Array.from({ length: ROWS * SEQ }, (_, i) => (i * 17 + 5) % 61)

function tensor(values: readonly number[]): HostTensor {
  return { dtype: 'int64', shape: [ROWS, SEQ], data: BigInt64Array.from(values, BigInt) }
}

/** Logits of the source model. */
async function logits(inputs: Record<string, HostTensor>): Promise<Float32Array> {
  const session = await openSession(SOURCE, { threads: 1 })
  const name = session.outputs[0]!
  const result = await session.run(inputs, { [name]: null })
  await session.release()
  return result[name]!.data as Float32Array
}

describe.each([0, 0.2])('label smoothing %s', (labelSmoothing) => {
  it('accuracy and perplexity are those of the logits', async () => {
    const directory = path.join(root, String(labelSmoothing))
    compile(SOURCE, { loss: { kind: 'causal-lm' }, labelSmoothing }).write(directory)
    const { manifest } = openCompiled(directory)
    expect(manifest.evaluation).toEqual({
      correct: 'correct_predictions',
      ...(labelSmoothing > 0 && { unsmoothed: 'unsmoothed_loss' }),
    })
    const ones = tensor(ids.map(() => 1))
    const inputs = Object.fromEntries(
      manifest.inputs.map(({ name }) => [name, /mask/.test(name) ? ones : tensor(ids)]),
    )
    const scores = await logits(inputs)
    const classes = scores.length / ids.length
    const row = (i: number): number[] => [...scores.subarray(i * classes, (i + 1) * classes)]
    // A third of the labels are what the model predicts, so that there is something to count; some do not count.
    const labels = ids.map((id, i) => {
      if (i % 7 === 4) return IGNORED
      if (i % 3 !== 0 || i % SEQ === 0) return id
      const before = row(i - 1)
      return before.indexOf(Math.max(...before))
    })
    let [correct, counted, nll] = [0, 0, 0]
    labels.forEach((label, i) => {
      if (i % SEQ === 0 || label === IGNORED) return
      const scoresBefore = row(i - 1)
      const top = Math.max(...scoresBefore)
      counted++
      if (scoresBefore[label] === top) correct++
      nll +=
        Math.log(scoresBefore.reduce((sum, x) => sum + Math.exp(x - top), 0)) + top - scoresBefore[label]!
    })
    expect(correct).toBeGreaterThan(3)
    const trainer = await Trainer.open(directory, { steps: 1, session: { threads: 1 } })
    const batch: Batch = { inputs, labels: tensor(labels) }
    const result = await trainer.evaluate([batch])
    await trainer.release()
    expect(result.accuracy).toBeCloseTo(correct / counted, 6)
    expect(Math.log(result.perplexity)).toBeCloseTo(nll / counted, 4)
    if (labelSmoothing > 0) expect(result.loss).toBeGreaterThan(Math.log(result.perplexity))
    else expect(result.loss).toBeCloseTo(nll / counted, 4)
  })
})

it('a loss over targets has nothing to count', () => {
  const { manifest } = compile(path.resolve(import.meta.dirname, '../models/bert.onnx'), {
    loss: { kind: 'mse' },
  })
  expect(manifest.evaluation).toEqual({})
})
