/**
 * Exported transformers of every element type, compiled and run in ONNX Runtime: loss and every gradient are PyTorch's of the
 * same weights in float32 (float64 for double precision), with all branches kept and under a mask. References: export.py.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import ort from 'onnxruntime-node'
import { afterAll, describe, expect, test } from 'vitest'
import { sizeOf } from '../../src/host-tensor.js'
import { readSafetensors, type HostTensor } from '../../runtime/index.js'
import { compile, type Manifest } from '../../src/index.js'

const HERE = import.meta.dirname
const LOSSES = { causal: 'causal-lm', token: 'token' } as const

interface About {
  dtype: 'float16' | 'bfloat16' | 'float64'
  kind: keyof typeof LOSSES
  siteNames: string[]
  prefix: string
}

/**
 * Half types are computed in float32, as the reference is, but the exporter rounds its own constants to the half type: the
 * scores are scaled twice by 8^-¼, which is 2.0e-4 off in float16 and 1.4e-3 in bfloat16, and twice that is what the
 * gradients of query and key are off. Of float64, stock ONNX Runtime has no Erf, which is computed in float32.
 */
const TOLERANCE = { float16: 5e-4, bfloat16: 4e-3, float64: 1e-6 }
/** Every operator rounds to 11 bits; with loss scaling nothing underflows. */
const IN_FLOAT16 = 3e-2

const root = mkdtempSync(path.join(os.tmpdir(), 'types-'))
afterAll(() => rmSync(root, { recursive: true }))

const names = readdirSync(HERE)
  .filter((file) => file.endsWith('.onnx'))
  .map((file) => path.basename(file, '.onnx'))

describe.each(names)('%s', (name) => {
  const about = JSON.parse(readFileSync(path.join(HERE, `${name}.json`), 'utf8')) as About
  const reference = readSafetensors(path.join(HERE, `${name}.safetensors`))
  const trained = about.dtype === 'float64' ? 'float64' : 'float32'

  test('gradients', async () => {
    const { manifest, session, weights } = await open(name, about.kind)
    for (const p of manifest.parameters) expect([p.name, p.dtype]).toEqual([p.name, trained])
    for (const mask of ['', '0']) {
      const keep = mask ? [...reference.get('keep0')!.data].map(Boolean) : about.siteNames.map(() => true)
      const results = await session.run(feeds(manifest, weights, reference, keep))
      compare(about, manifest, reference, mask, results, TOLERANCE[about.dtype])
    }
    await session.release()
  })

  test.runIf(about.dtype !== 'float64')('frozen weights stay half in the file', () => {
    const request = { loss: { kind: LOSSES[about.kind] }, train: ['*{norm,ln_,LayerNorm}*'] }
    const { training, manifest } = compile(path.join(HERE, `${name}.onnx`), request)
    const frozen = manifest.parameters.filter(
      (p) => !p.trainable && p.shape.length === 2 && sizeOf(p.shape) >= 256,
    )
    expect(frozen.length).toBeGreaterThan(2)
    const stored = new Map([...training.graph.initializers].map((v) => [v.name, v]))
    for (const p of frozen) {
      if (p.source.dtype === undefined) continue // folded as float32 by the exporter
      const value = stored.get(`${p.name}_${about.dtype}`)
      expect(value?.data?.dtype, p.name).toBe(about.dtype)
      expect(value!.users.map((n) => n.op)).toEqual(['Cast'])
    }
  })

  test.runIf(about.dtype === 'bfloat16')('bfloat16 arithmetic needs no loss scaling', () => {
    const { training, manifest } = compile(path.join(HERE, `${name}.onnx`), {
      loss: { kind: LOSSES[about.kind] },
      precision: 'source',
    })
    expect([manifest.arithmetic, manifest.loss.scale]).toEqual(['bfloat16', undefined])
    const first = manifest.parameters.find((p) => p.trainable)!
    const input = training.graph.inputs.find((v) => v.name === first.input)!
    expect(input.type!.dtype).toBe('float32')
    const casts = input.users.filter((n) => n.op === 'Cast')
    expect(casts).toHaveLength(1)
    expect(casts[0]!.output().type!.dtype).toBe('bfloat16')
  })

  test.runIf(about.dtype === 'float16')('gradients in float16, with float32 masters', async () => {
    const { manifest, session, weights } = await open(name, about.kind, 'source')
    for (const p of manifest.parameters) {
      expect([p.name, p.dtype]).toEqual([p.name, 'float32'])
      expect(weights.get(p.name)!.dtype).toBe('float32')
    }
    expect(manifest.loss.scale).toEqual({ input: 'loss_scale', default: 65536 })
    const fed = feeds(
      manifest,
      weights,
      reference,
      about.siteNames.map(() => true),
    )
    const results = await session.run(fed)
    compare(about, manifest, reference, '', results, IN_FLOAT16)
    // A factor that is too large shows in the gradients, not in the loss.
    const huge = await session.run({ ...fed, loss_scale: new ort.Tensor('float32', [1e30], []) })
    expect(huge.loss!.data[0]).toBe(results.loss!.data[0])
    const finite = manifest.parameters.map((p) =>
      [...(huge[p.gradient!]!.data as Float32Array)].every(Number.isFinite),
    )
    expect(finite).toContain(false)
    await session.release()
  })
})

async function open(name: string, kind: About['kind'], precision: 'auto' | 'source' = 'auto') {
  const directory = path.join(root, `${name}-${precision}`)
  compile(path.join(HERE, `${name}.onnx`), { loss: { kind: LOSSES[kind] }, precision }).write(directory)
  const manifest = JSON.parse(readFileSync(path.join(directory, 'manifest.json'), 'utf8')) as Manifest
  const weights = readSafetensors(path.join(directory, manifest.checkpoint))
  const session = await ort.InferenceSession.create(path.join(directory, manifest.models.training), {
    intraOpNumThreads: 1,
    enableMemPattern: false,
    logSeverityLevel: 3,
  })
  return { manifest, weights, session }
}

type Tensors = ReadonlyMap<string, HostTensor>

function feeds(manifest: Manifest, weights: Tensors, reference: Tensors, keep: readonly boolean[]) {
  const fed: Record<string, ort.Tensor> = {}
  for (const input of manifest.inputs) fed[input.name] = tensor(reference.get(`in/${input.name}`)!)
  fed[manifest.loss.labels!.name] = tensor(reference.get('labels')!)
  manifest.sites.forEach((site, i) => (fed[site.keep] = new ort.Tensor('bool', [keep[i]!], [])))
  for (const p of manifest.parameters) if (p.input) fed[p.input] = tensor(weights.get(p.name)!)
  const { scale } = manifest.loss
  if (scale) fed[scale.input] = new ort.Tensor('float32', [1024], [])
  return fed
}

/** Loss and gradients are the reference's; what it has no gradient of is empty. */
function compare(
  { prefix }: About,
  manifest: Manifest,
  reference: Tensors,
  mask: string,
  results: ort.InferenceSession.ReturnType,
  tolerance: number,
): void {
  const loss = Number(reference.get(`loss${mask}`)!.data[0])
  expect(Math.abs(Number(results[manifest.loss.output]!.data[0]) / loss - 1)).toBeLessThan(tolerance)
  const key = `grad${mask}/`
  const gradients = [...reference].filter(([k]) => k.startsWith(key))
  const largest = Math.max(...gradients.map(([, g]) => norm(g.data)))
  const wanted = new Set<string>()
  for (const [k, gradient] of gradients) {
    const parameter = prefix + k.slice(key.length)
    wanted.add(parameter)
    const spec = manifest.parameters.find((p) => p.name === parameter)
    expect(spec?.gradient, `a gradient of ${parameter}`).toBeTruthy()
    const got = results[spec!.gradient!]!
    expect(got.type).toBe(spec!.dtype)
    const expected = spec!.source.transposed ? transposed(gradient) : [...gradient.data].map(Number)
    const error = relativeError(got.data as Float32Array, expected, largest)
    expect(error, `mask "${mask}": ${parameter}`).toBeLessThan(tolerance)
  }
  for (const p of manifest.parameters)
    if (p.gradient && !wanted.has(p.name)) expect(results[p.gradient]!.data, p.name).toHaveLength(0)
}

function tensor({ dtype, data, shape }: HostTensor): ort.Tensor {
  return new ort.Tensor(dtype as 'float32', data as Float32Array, shape)
}

function transposed({ data, shape }: HostTensor): number[] {
  const [rows, columns] = shape as [number, number]
  return Array.from({ length: data.length }, (_, i) =>
    Number(data[(i % rows) * columns + Math.floor(i / rows)]),
  )
}

/** ‖got − expected‖ / ‖expected‖; a gradient that is zero but for rounding (a key's bias) is measured against `scale`. */
function relativeError(got: ArrayLike<number>, expected: readonly number[], scale: number): number {
  if (got.length !== expected.length) return Infinity
  const difference = norm(expected.map((x, i) => Number(got[i]) - x))
  return difference / Math.max(norm(expected), 1e-3 * scale)
}

function norm(values: ArrayLike<number | bigint>): number {
  return Math.sqrt(Array.from(values, Number).reduce((sum, x) => sum + x * x, 0))
}
