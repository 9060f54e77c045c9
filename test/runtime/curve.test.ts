/** A GPT-2 as PyTorch exports it, compiled and trained: its loss curve is PyTorch's. */
import fs from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
import { Batches, TokenWindows, Trainer } from '../../runtime/index.js'
import { compile } from '../../src/index.js'
import { FIXTURES, temporaryDirectory } from './tiny.js'

interface Curve {
  steps: number
  warmup: number
  accumulate: number
  batch: number
  seq: number
  learningRate: number
  weightDecay: number
  clip: number
  tokens: number[]
  masks: number[][]
  losses: number[]
  norms: number[]
}

const curve = JSON.parse(fs.readFileSync(path.join(FIXTURES, 'curve.json'), 'utf8')) as Curve

it('coincides with PyTorch over 50 steps of masks, accumulation, clipping and cosine schedule', async () => {
  const directory = path.join(temporaryDirectory(), 'gpt2.dropbp')
  compile(path.join(import.meta.dirname, '../models/gpt2.onnx')).write(directory)
  const { steps, warmup, accumulate, batch, learningRate, weightDecay, clip } = curve
  const trainer = await Trainer.open(directory, {
    steps,
    learningRate,
    warmup,
    schedule: 'cosine',
    clipNorm: clip,
    hyperparameters: { weight_decay: weightDecay },
    session: { threads: 1, spin: false },
  })
  const windows = new TokenWindows(Uint16Array.from(curve.tokens), curve.seq)
  const data = new Batches(trainer.compiled.manifest, windows, { batch, shuffle: false })
  for (let step = 0; step < steps; step++) {
    const batches = Array.from({ length: accumulate }, () => data.next())
    const masks = curve.masks
      .slice(step * accumulate, (step + 1) * accumulate)
      .map((mask) => mask.map((kept) => kept === 1))
    const { loss, gradientNorm } = await trainer.trainStep(batches, masks)
    expect(Math.abs(loss / curve.losses[step]! - 1), `loss of step ${step + 1}`).toBeLessThan(1e-3)
    expect(Math.abs(gradientNorm / curve.norms[step]! - 1), `norm of step ${step + 1}`).toBeLessThan(1e-2)
  }
  await trainer.release()
  expect(curve.losses.at(-1)).toBeLessThan(0.9 * curve.losses[0]!)
})
