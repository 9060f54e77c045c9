/** Gated graphs of exported transformers: equal to the flat ones under every mask, and what is dropped does not run. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import ort from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import { readSafetensors, type HostTensor } from '../../runtime/index.js'
import { compile, encodeModel, readModel, type Compilation } from '../../src/index.js'

const MODELS = path.resolve(import.meta.dirname, '../models')
/** Both graphs compute the same in another order. */
const ROUNDING = 2e-5

const names = readdirSync(MODELS)
  .filter((file) => file.endsWith('.onnx'))
  .map((file) => path.basename(file, '.onnx'))

type Results = ort.InferenceSession.ReturnType

const tensor = ({ dtype, shape, data }: HostTensor): ort.Tensor =>
  new ort.Tensor(dtype as 'float32', data as Float32Array, shape)

function compiled(name: string, flat: boolean): Compilation {
  const kind = name === 'bert' ? 'token' : 'causal-lm'
  return compile(path.join(MODELS, `${name}.onnx`), { loss: { kind }, flat })
}

/** Feeds of the fixture's batch, weights as the model has them. */
function feedsOf(
  name: string,
  { manifest, context }: Compilation,
  keep: readonly boolean[],
): Record<string, ort.Tensor> {
  const fixture = readSafetensors(path.join(MODELS, `${name}.safetensors`))
  const feeds: Record<string, ort.Tensor> = { labels: tensor(fixture.get('labels')!) }
  for (const { name: input } of manifest.inputs) feeds[input] = tensor(fixture.get(`in/${input}`)!)
  manifest.sites.forEach((s, i) => (feeds[s.keep] = new ort.Tensor('bool', Uint8Array.of(+keep[i]!), [])))
  for (const { name: input, value } of context.differentiated!.parameters) {
    feeds[input] = new ort.Tensor('float32', Float32Array.from(value.data!.numbers()), value.data!.shape)
  }
  return feeds
}

async function withSession<T>(
  { training }: Compilation,
  options: ort.InferenceSession.SessionOptions,
  use: (session: ort.InferenceSession) => Promise<T>,
): Promise<T> {
  const common = { intraOpNumThreads: 1, enableMemPattern: false, logSeverityLevel: 3 } as const
  const session = await ort.InferenceSession.create(encodeModel(training), { ...common, ...options })
  try {
    return await use(session)
  } finally {
    await session.release()
  }
}

/** All kept, all dropped, every second one, and one of the middle alone. */
function masks(sites: number): boolean[][] {
  const mask = (keep: (i: number) => boolean): boolean[] => Array.from({ length: sites }, (_, i) => keep(i))
  return [mask(() => true), mask(() => false), mask((i) => i % 2 === 0), mask((i) => i === sites >> 1)]
}

const runAll = (name: string, model: Compilation, all: readonly boolean[][]): Promise<Results[]> =>
  withSession(model, {}, async (session) => {
    const results: Results[] = []
    for (const keep of all) results.push(await session.run(feedsOf(name, model, keep)))
    return results
  })

function difference(a: Float32Array, b: Float32Array): number {
  const norm = (x: (i: number) => number): number => Math.hypot(...Array.from(b, (_, i) => x(i)))
  return norm((i) => a[i]! - b[i]!) / (norm((i) => b[i]!) + 1e-6)
}

describe.each(names)('%s', (name) => {
  test('gated and flat graph agree under every mask; absent is empty where flat is zero', async () => {
    const [gated, flat] = [compiled(name, false), compiled(name, true)]
    const all = masks(gated.manifest.sites.length)
    const [got, want] = [await runAll(name, gated, all), await runAll(name, flat, all)]
    all.forEach((keep, k) => {
      const kept = new Set(gated.manifest.sites.filter((_, i) => keep[i]).map((s) => s.name))
      for (const p of gated.manifest.parameters.filter((q) => q.trainable)) {
        const [g, w] = [got[k]![p.gradient!]!, want[k]![p.gradient!]!].map((t) => t.data as Float32Array)
        const present = p.presentWhen.some((term) => term.every((site) => kept.has(site)))
        expect(g!.length, p.name).toBe(present ? w!.length : 0)
        if (present) expect(difference(g!, w!), p.name).toBeLessThan(ROUNDING)
        else expect(Math.max(...w!.map(Math.abs)), p.name).toBe(0)
      }
    })
  })
})

describe('what ONNX Runtime executes', () => {
  /** Names of executed nodes that stand in backward branches of kept sites, by ONNX Runtime's own profile. */
  async function executedBackward(keep: boolean): Promise<number> {
    const model = compiled('gpt2', false)
    const written = readModel(encodeModel(model.training))
    const backward = new Set<string>()
    for (const node of written.graph.nodes) {
      if (node.op !== 'If' || !node.name.startsWith('backward')) continue
      const [, then] = node.subgraphs.find(([branch]) => branch === 'then_branch')!
      for (const inner of then.nodes) backward.add(`${inner.name}_kernel_time`)
    }
    const folder = mkdtempSync(path.join(os.tmpdir(), 'profile-'))
    const profile = { enableProfiling: true, profileFilePrefix: path.join(folder, 'p') }
    await withSession(model, profile, async (session) => {
      await session.run(
        feedsOf(
          'gpt2',
          model,
          model.manifest.sites.map(() => keep),
        ),
      )
      session.endProfiling()
    })
    const text = readFileSync(path.join(folder, readdirSync(folder)[0]!), 'utf8')
    rmSync(folder, { recursive: true })
    return (JSON.parse(text) as { name: string }[]).filter((event) => backward.has(event.name)).length
  }

  test('runs no backward node of a dropped branch', async () => {
    expect(await executedBackward(true)).toBeGreaterThan(100)
    expect(await executedBackward(false)).toBe(0)
  })
})
