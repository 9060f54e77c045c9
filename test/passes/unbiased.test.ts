/** Sites with a factor: kept branches make up for dropped ones, so that the mean gradient over masks is the whole gradient. */
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import {
  openCompiled,
  openSession,
  readSafetensors,
  type HostTensor,
  type Manifest,
} from '../../runtime/index.js'
import { compile } from '../../src/index.js'

const SOURCE = path.resolve(import.meta.dirname, '../models/gpt2.onnx')
const RATES = [0.5, 0.2, 0.7, 0.4]

let root: string
beforeAll(() => (root = mkdtempSync(path.join(os.tmpdir(), 'unbiased-'))))
afterAll(() => rmSync(root, { recursive: true }))

type Run = (mask: readonly boolean[], scales: readonly number[]) => Promise<Float64Array[]>

const scalarOf = (dtype: string, x: number): HostTensor =>
  dtype === 'bool'
    ? { dtype, shape: [], data: Uint8Array.of(x) }
    : { dtype, shape: [], data: Float32Array.of(x) }

/** Gradients of one fixed batch, one a parameter, zeros where absent. */
async function open(unbiased: boolean): Promise<{ manifest: Manifest; run: Run }> {
  const directory = path.join(root, String(unbiased))
  compile(SOURCE, { loss: { kind: 'causal-lm' }, unbiased }).write(directory)
  const { manifest } = openCompiled(directory)
  const session = await openSession(path.join(directory, manifest.models.training), { threads: 1 })
  const ids = {
    dtype: 'int64',
    shape: [2, 10],
    data: BigInt64Array.from({ length: 20 }, (_, i) => BigInt((i * 7) % 61)),
  }
  const values = readSafetensors(path.join(directory, manifest.checkpoint))
  const feeds: Record<string, HostTensor> = { [manifest.loss.labels!.name]: ids }
  for (const { name } of manifest.inputs) {
    const ones = { ...ids, data: new BigInt64Array(20).fill(1n) }
    feeds[name] = /mask/.test(name) ? ones : ids
  }
  const trainable = manifest.parameters.filter((p) => p.trainable)
  for (const p of trainable) feeds[p.input!] = values.get(p.name)!
  const run: Run = async (mask, scales) => {
    const own = { ...feeds }
    manifest.sites.forEach((site, i) => {
      own[site.keep] = scalarOf('bool', Number(mask[i]))
      if (site.scale) own[site.scale] = scalarOf('float32', scales[i]!)
    })
    const results = await session.run(own, Object.fromEntries(trainable.map((p) => [p.gradient!, null])))
    return trainable.map((p) => {
      const { data } = results[p.gradient!]!
      const size = p.shape.reduce((a, b) => a * b, 1)
      return data.length === size ? Float64Array.from(data as Float32Array) : new Float64Array(size)
    })
  }
  return { manifest, run }
}

function distance(a: readonly Float64Array[], b: readonly Float64Array[]): number {
  let [difference, norm] = [0, 0]
  a.forEach((x, p) =>
    x.forEach((v, i) => {
      difference += (v - b[p]![i]!) ** 2
      norm += b[p]![i]! ** 2
    }),
  )
  return Math.sqrt(difference / norm)
}

it('without factors nothing changes; with 1/(1 − rate) the mean over masks is the whole gradient', async () => {
  const plain = await open(false)
  const { manifest, run } = await open(true)
  expect(plain.manifest.sites.some((s) => s.scale)).toBe(false)
  expect(manifest.sites.map((s) => s.scale)).toEqual(manifest.sites.map((s) => `scale/${s.name}`))
  const n = manifest.sites.length
  expect(n).toBe(RATES.length)
  const ones = RATES.map(() => 1)
  const kept = RATES.map(() => true)
  const whole = await plain.run(kept, ones)
  expect(distance(await run(kept, ones), whole)).toBeLessThan(1e-6)

  const mean = whole.map((g) => new Float64Array(g.length))
  const biased = whole.map((g) => new Float64Array(g.length))
  for (let bits = 0; bits < 2 ** n; bits++) {
    const mask = RATES.map((_, i) => ((bits >> i) & 1) === 1)
    const probability = RATES.reduce((p, rate, i) => p * (mask[i] ? 1 - rate : rate), 1)
    const add = (into: Float64Array[], gradients: Float64Array[]): void =>
      gradients.forEach((g, p) => g.forEach((x, i) => (into[p]![i]! += probability * x)))
    add(
      mean,
      await run(
        mask,
        RATES.map((rate) => 1 / (1 - rate)),
      ),
    )
    add(biased, await run(mask, ones))
  }
  expect(distance(mean, whole)).toBeLessThan(1e-5)
  expect(distance(biased, whole)).toBeGreaterThan(0.05)
})
