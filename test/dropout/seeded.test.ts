/** Dropout masks that are drawn from a number: the same for the same number, and as random as others. */
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import ort from 'onnxruntime-node'
import { afterAll, describe, expect, test } from 'vitest'
import { seedDropout } from '../../passes/seed-dropout.js'
import { readSafetensors, Trainer } from '../../runtime/index.js'
import { compile, compileModel, type Compilation, type CompileRequest } from '../../src/index.js'
import { encodeModel, loadModel } from '../../src/onnx/index.js'
import { expectPass, feed, runModel } from '../helpers/expect-pass.js'

const HERE = import.meta.dirname
const root = mkdtempSync(path.join(os.tmpdir(), 'dropout-'))
afterAll(() => rmSync(root, { recursive: true }))

const request: CompileRequest = { loss: { kind: 'token' }, seededDropout: true }
const reference = readSafetensors(path.join(HERE, 'bert.safetensors'))

function batch() {
  const tensors = ['input_ids', 'attention_mask'].map((name) => [name, reference.get(`in/${name}`)!] as const)
  return { inputs: Object.fromEntries(tensors), labels: reference.get('labels')! }
}

describe('bert', () => {
  const compiled = (options: CompileRequest = {}): Compilation =>
    compileModel(loadModel(path.join(HERE, 'bert.onnx')), { ...request, ...options })

  /** Loss and gradients by name. */
  async function run(compilation: Compilation, seed: number): Promise<Map<string, number[]>> {
    const session = await ort.InferenceSession.create(encodeModel(compilation.training), {
      intraOpNumThreads: 1,
    })
    const { inputs, labels } = batch()
    const feeds: Record<string, ort.Tensor> = {
      [compilation.manifest.dropout!.seed]: new ort.Tensor('int64', [BigInt(seed)], []),
    }
    for (const [name, { data, shape }] of Object.entries({ ...inputs, labels }))
      feeds[name] = new ort.Tensor('int64', data as BigInt64Array, shape)
    for (const site of compilation.manifest.sites) feeds[site.keep] = new ort.Tensor('bool', [true], [])
    for (const p of compilation.context.differentiated!.parameters)
      feeds[p.name] = new ort.Tensor(
        'float32',
        Float32Array.from(p.value.data!.numbers()),
        p.value.data!.shape,
      )
    const results = await session.run(feeds)
    await session.release()
    return new Map(session.outputNames.map((name) => [name, Array.from(results[name]!.data as Float32Array)]))
  }

  test('repeats itself, and only with the same number', async () => {
    const first = await run(compiled(), 5)
    expect(await run(compiled(), 5)).toEqual(first)
    expect((await run(compiled(), 6)).get('loss')).not.toEqual(first.get('loss'))
  })

  test.each([{}, { recompute: ['attention', 'mlp'] as const }])('gated as flat %j', async (options) => {
    const [flat, gated] = [await run(compiled({ flat: true }), 7), await run(compiled(options), 7)]
    for (const [name, expected] of flat) {
      const got = gated.get(name)!
      const error =
        Math.hypot(...got.map((x, i) => x - expected[i]!)) / Math.max(Math.hypot(...expected), 1e-3)
      expect(error, name).toBeLessThan(1e-5)
    }
  })

  test('has none in evaluation, and no number there', () => {
    expect(compiled().evaluation.graph.inputs.map((v) => v.name)).not.toContain('dropout_seed')
  })

  test('trains the same twice', async () => {
    const directory = path.join(root, 'bert')
    compile(path.join(HERE, 'bert.onnx'), request).write(directory)
    const losses = async (seed: number): Promise<number[]> => {
      const trainer = await Trainer.open(directory, {
        steps: 3,
        learningRate: 1e-3,
        dropbp: { seed },
        session: { threads: 1, spin: false },
      })
      const found = []
      for (let i = 0; i < 3; i++) found.push((await trainer.trainStep([batch()])).loss)
      await trainer.release()
      return found
    }
    const first = await losses(1)
    expect(await losses(1)).toEqual(first)
    expect(await losses(2)).not.toEqual(first)
  })
})

describe('masks', () => {
  const SIZE = 200_000
  const program = `g (float[${SIZE}] x) => (float[${SIZE}] y, float[${SIZE}] z) <float r = {0.1}, bool t = {1}> {
    y = Dropout (x, r, t)  z = Dropout (x, r, t)
  }`

  /** The masks of both nodes for a number. */
  async function masks(seed: number): Promise<number[][]> {
    const { model } = expectPass(seedDropout, program, { options: { seededDropout: true } })
    const results = await runModel(model, {
      x: feed('float32', [SIZE], new Float32Array(SIZE).fill(1)),
      dropout_seed: feed('int64', [], [seed]),
    })
    return Object.values(results).map(({ data }) => data.map((v) => (v > 0 ? 1 : 0)))
  }

  const mean = (x: readonly number[]): number => x.reduce((a, b) => a + b, 0) / x.length
  /** Correlation of two masks, or of one with itself `lag` places on. */
  function correlation(x: readonly number[], y: readonly number[], lag = 0): number {
    const [mx, my] = [mean(x), mean(y)]
    const product = x.slice(0, SIZE - lag).map((v, i) => (v - mx) * (y[i + lag]! - my))
    return mean(product) / Math.sqrt(mx * (1 - mx) * my * (1 - my))
  }
  /** Four standard deviations of a mean, and of a correlation, of this many independent draws. */
  const [shareBar, bar] = [4 * Math.sqrt(0.09 / SIZE), 4 / Math.sqrt(SIZE)]

  test.each([0, 1, 12345, 2 ** 31 - 2])('are independent: %i', async (seed) => {
    const [y, z] = (await masks(seed)) as [number[], number[]]
    const [other] = (await masks(seed + 1)) as [number[]]
    for (const mask of [y, z]) expect(Math.abs(mean(mask) - 0.9)).toBeLessThan(shareBar)
    for (const lag of [1, 2, 3, 16, 64, 768])
      expect(Math.abs(correlation(y, y, lag)), `lag ${lag}`).toBeLessThan(bar)
    expect(Math.abs(correlation(y, z)), 'of two nodes').toBeLessThan(bar)
    expect(Math.abs(correlation(y, other)), 'of two numbers').toBeLessThan(bar)
  })

  test('are left to ONNX Runtime where nobody asks', () => {
    expectPass(seedDropout, program).toStay()
  })
})
