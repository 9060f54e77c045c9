/**
 * Two hundred steps of a whole recipe are PyTorch's: the same data, masks, accumulation by counted labels, AdamW that decays
 * matrices alone, clipping, warm-up and cosine. Losses within 1e-3 relative, final weights within 1e-3.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  readSafetensors,
  Trainer,
  type Batch,
  type HostTensor,
  type StepResult,
} from '../../runtime/index.js'
import { compile } from '../../src/index.js'

const LIMIT = 1e-3
const IGNORED = -100

interface Recipe {
  steps: number
  accumulate: number
  batch: number
  seq: number
  learningRate: number
  weightDecay: number
  warmup: number
  clip: number
  /** A step: its micro-batches' masks, 1 keeps, with spaces between. */
  masks: string[]
  losses: number[]
  norms: number[]
}

/**
 * The biases of GPT-2's keys, the middle third: softmax does not change when all scores of a row do, so their gradient is
 * zero but for rounding, and Adam, which divides it by its own size, moves them by noise in PyTorch too.
 */
function isIndifferent(name: string, index: number, length: number): boolean {
  return name.endsWith('c_attn.bias') && index >= length / 3 && index < (2 * length) / 3
}

const read = (model: string): Recipe =>
  JSON.parse(readFileSync(path.join(import.meta.dirname, `recipe-${model}.json`), 'utf8')) as Recipe

/** The micro-batches of a step, with the labels of recipe.py. */
function batchesOf(recipe: Recipe, tokens: Uint16Array, step: number, inputs: readonly string[]): Batch[] {
  const { accumulate, batch, seq } = recipe
  return Array.from({ length: accumulate }, (_, part) => {
    const start = (step * accumulate + part) * batch * seq
    const ids = [...tokens.subarray(start, start + batch * seq)]
    const tensor = (values: number[]): HostTensor => ({
      dtype: 'int64',
      shape: [batch, seq],
      data: BigInt64Array.from(values, BigInt),
    })
    const ones = tensor(ids.map(() => 1))
    return {
      inputs: Object.fromEntries(inputs.map((name) => [name, /mask/.test(name) ? ones : tensor(ids)])),
      labels: tensor(ids.map((id) => (id % 7 < (step + 3 * part) % 5 ? IGNORED : id))),
    }
  })
}

describe.each(['gpt2', 'llama_ts17'])('%s', (model) => {
  const recipe = read(model)
  let root: string
  let trainer: Trainer
  const results: StepResult[] = []

  beforeAll(async () => {
    root = mkdtempSync(path.join(os.tmpdir(), 'recipe-'))
    const directory = path.join(root, model)
    const source = path.resolve(import.meta.dirname, `../models/${model}.onnx`)
    compile(source, { loss: { kind: 'causal-lm' } }).write(directory)
    const { steps, learningRate, warmup, clip: clipNorm, weightDecay } = recipe
    trainer = await Trainer.open(directory, {
      ...{ steps, learningRate, warmup, clipNorm, schedule: 'cosine' },
      hyperparameters: { weight_decay: weightDecay },
      session: { threads: 1 },
    })
    const bytes = readFileSync(path.join(import.meta.dirname, 'recipe.bin'))
    const tokens = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2)
    const inputs = trainer.compiled.manifest.inputs.map((input) => input.name)
    for (let step = 0; step < steps; step++) {
      const masks = recipe.masks[step]!.split(' ').map((mask) => [...mask].map((k) => k === '1'))
      results.push(await trainer.trainStep(batchesOf(recipe, tokens, step, inputs), masks))
    }
  }, 180_000)
  afterAll(async () => {
    await trainer.release()
    rmSync(root, { recursive: true })
  })

  it('losses', () => {
    expect(results).toHaveLength(200)
    const worst = Math.max(...results.map(({ loss }, i) => Math.abs(loss / recipe.losses[i]! - 1)))
    expect(worst).toBeLessThan(LIMIT)
    expect(results.at(-1)!.loss).toBeLessThan(0.7 * results[0]!.loss)
  })

  it('gradient norms before clipping, which bites in some steps only', () => {
    const worst = Math.max(
      ...results.map(({ gradientNorm }, i) => Math.abs(gradientNorm / recipe.norms[i]! - 1)),
    )
    expect(worst).toBeLessThan(LIMIT)
    const clipped = recipe.norms.filter((norm) => norm > recipe.clip).length
    expect(clipped).toBeGreaterThan(20)
    expect(clipped).toBeLessThan(180)
  })

  it('final weights', () => {
    const file = path.join(root, 'trained.safetensors')
    trainer.exportParameters(file, path.resolve(import.meta.dirname, `../models/${model}.onnx`))
    // TorchScript's tracing wraps the model in a module of its own.
    const trained = new Map([...readSafetensors(file)].map(([name, t]) => [name.replace(/^net\./, ''), t]))
    const expected = readSafetensors(path.join(import.meta.dirname, `recipe-${model}.safetensors`))
    expect([...trained.keys()].sort()).toEqual([...expected.keys()].sort())
    for (const [name, { shape, data }] of expected) {
      expect(trained.get(name)!.shape, name).toEqual(shape)
      const compared = [...data.keys()].filter((i) => !isIndifferent(name, i, data.length))
      const want = compared.map((i) => Number(data[i]))
      const difference = compared.map((i, k) => Number(trained.get(name)!.data[i]) - want[k]!)
      expect(Math.hypot(...difference) / Math.hypot(...want), name).toBeLessThan(LIMIT)
    }
  })
})
