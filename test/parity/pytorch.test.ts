/** Fifty steps of AdamW under drawn masks give PyTorch's loss curve: compiler, runtime and optimizer together. */
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Batches, readTokens, TokenWindows, Trainer } from '../../runtime/index.js'
import { compile } from '../../src/index.js'
import { readCurve, TOKENS_FILE } from './curve.js'

const TOLERANCE = 1e-5
const MODELS = path.resolve(import.meta.dirname, '../models')

describe('loss curves', () => {
  let root: string
  beforeAll(() => (root = mkdtempSync(path.join(os.tmpdir(), 'parity-'))))
  afterAll(() => rmSync(root, { recursive: true }))

  async function train(model: string): Promise<number[]> {
    const curve = readCurve(model)
    const directory = path.join(root, model)
    compile(path.join(MODELS, `${model}.onnx`), { loss: { kind: 'causal-lm' } }).write(directory)
    const trainer = await Trainer.open(directory, {
      steps: curve.losses.length,
      learningRate: curve.learningRate,
      hyperparameters: { weight_decay: curve.weightDecay },
      decayed: 'all',
      session: { threads: 1 },
    })
    const windows = new TokenWindows(readTokens(TOKENS_FILE), curve.seq)
    const data = new Batches(trainer.compiled.manifest, windows, {
      batch: curve.batch,
      shuffle: false,
    })
    const losses: number[] = []
    for (const mask of curve.masks) losses.push((await trainer.trainStep([data.next()], [mask])).loss)
    await trainer.release()
    return losses
  }

  test.each(['gpt2', 'llama_ts17', 'parallel'])('of %s coincide with PyTorch', async (model) => {
    const { losses } = readCurve(model)
    const got = await train(model)
    expect(got).toHaveLength(losses.length)
    const worst = Math.max(...got.map((loss, i) => Math.abs(loss / losses[i]! - 1)))
    expect(worst).toBeLessThan(TOLERANCE)
  })
})
