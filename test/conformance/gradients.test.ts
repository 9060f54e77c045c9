/**
 * Exported transformers, compiled and run in ONNX Runtime: loss and every gradient are PyTorch's, with all branches kept and
 * under masks; what PyTorch leaves without gradient comes back empty. References: test/models.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import ort from 'onnxruntime-node'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readSafetensors, type HostTensor } from '../../runtime/index.js'
import { compile, type Manifest } from '../../src/index.js'

const MODELS = path.resolve(import.meta.dirname, '../models')
const TOLERANCE = 1e-5
const LOSSES = { causal: 'causal-lm', token: 'token' } as const

/** Parameters that the export does not hold any more: a table cut to the static length became a constant. */
const GONE: Readonly<Record<string, readonly string[]>> = { gpt2_static: ['transformer.wpe.weight'] }

interface About {
  kind: keyof typeof LOSSES
  siteNames: string[]
  /** What the exported module has before the reference's names. */
  prefix: string
}

type Tensors = ReadonlyMap<string, HostTensor>

const names = readdirSync(MODELS)
  .filter((file) => file.endsWith('.onnx'))
  .map((file) => path.basename(file, '.onnx'))

describe.each(names)('%s', (name) => {
  const about = JSON.parse(readFileSync(path.join(MODELS, `${name}.json`), 'utf8')) as About
  const reference = readSafetensors(path.join(MODELS, `${name}.safetensors`))
  let root: string
  let manifest: Manifest
  let weights: Tensors
  let session: ort.InferenceSession

  beforeAll(async () => {
    root = mkdtempSync(path.join(os.tmpdir(), 'conformance-'))
    const directory = path.join(root, name)
    compile(path.join(MODELS, `${name}.onnx`), { loss: { kind: LOSSES[about.kind] } }).write(directory)
    manifest = JSON.parse(readFileSync(path.join(directory, 'manifest.json'), 'utf8')) as Manifest
    weights = readSafetensors(path.join(directory, manifest.checkpoint))
    session = await ort.InferenceSession.create(path.join(directory, manifest.models.training), {
      intraOpNumThreads: 1,
      enableMemPattern: false,
      logSeverityLevel: 3,
    })
  })
  afterAll(async () => {
    await session?.release()
    rmSync(root, { recursive: true })
  })

  /** Loss and gradients under a mask. */
  async function run(keep: readonly boolean[]): Promise<ort.InferenceSession.ReturnType> {
    const feeds: Record<string, ort.Tensor> = {}
    for (const input of manifest.inputs) feeds[input.name] = tensor(reference.get(`in/${input.name}`)!)
    feeds[manifest.loss.labels!.name] = tensor(reference.get('labels')!)
    manifest.sites.forEach((site, i) => (feeds[site.keep] = new ort.Tensor('bool', [keep[i]!], [])))
    for (const p of manifest.parameters) if (p.input) feeds[p.input] = tensor(weights.get(p.name)!)
    return session.run(feeds)
  }

  test('has the branches of the model', () => {
    expect(manifest.sites).toHaveLength(about.siteNames.length)
    for (const [i, site] of manifest.sites.entries()) {
      // A post-norm branch is named after its module, its reference after the last layer in it.
      const expected = `${about.prefix}${about.siteNames[i]!}`
      expect(expected.startsWith(site.name), `${site.name} for ${expected}`).toBe(true)
    }
  })

  test.each(['', '0', '1', '2'])('gradients under mask "%s"', async (mask) => {
    const keep = mask ? [...reference.get(`keep${mask}`)!.data].map(Boolean) : about.siteNames.map(() => true)
    const results = await run(keep)
    const loss = Number(reference.get(`loss${mask}`)!.data[0])
    expect(Number(results[manifest.loss.output]!.data[0]) / loss - 1).toBeCloseTo(0, 5)
    const prefix = `grad${mask}/`
    const gradients = [...reference].filter(([key]) => key.startsWith(prefix))
    const largest = Math.max(...gradients.map(([, gradient]) => norm(gradient.data)))
    const wanted = new Set<string>()
    for (const [key, gradient] of gradients) {
      const parameter = about.prefix + key.slice(prefix.length)
      if (GONE[name]?.includes(parameter)) continue
      wanted.add(parameter)
      const spec = manifest.parameters.find((p) => p.name === parameter)
      expect(spec?.gradient, `a gradient of ${parameter}`).toBeTruthy()
      const got = results[spec!.gradient!]!.data as Float32Array
      const expected = spec!.source.transposed ? transposed(gradient) : gradient.data
      expect(relativeError(got, expected, largest), parameter).toBeLessThan(TOLERANCE)
    }
    for (const p of manifest.parameters)
      if (p.gradient && !wanted.has(p.name)) expect(results[p.gradient]!.data, p.name).toHaveLength(0)
  })
})

function tensor({ dtype, data, shape }: HostTensor): ort.Tensor {
  return new ort.Tensor(dtype as 'float32', data as Float32Array, shape)
}

function transposed({ data, shape }: HostTensor): Float32Array {
  const [rows, columns] = shape as [number, number]
  return Float32Array.from({ length: data.length }, (_, i) =>
    Number(data[(i % rows) * columns + Math.floor(i / rows)]),
  )
}

/** ‖got − expected‖ / ‖expected‖; a gradient that is zero but for rounding (a key's bias) is measured against `scale`. */
function relativeError(got: Float32Array, expected: HostTensor['data'], scale: number): number {
  if (got.length !== expected.length) return Infinity
  const difference = norm(got.map((x, i) => x - Number(expected[i])))
  return difference / Math.max(norm(expected), 1e-3 * scale)
}

function norm(values: HostTensor['data']): number {
  return Math.sqrt([...values].reduce<number>((sum, x) => sum + Number(x) ** 2, 0))
}
