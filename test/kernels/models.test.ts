/**
 * Exported transformers compiled with calls of kernels' functions: stock ONNX Runtime, which runs the bodies, and ONNX Runtime
 * with the kernels compute what the graph without calls computes, which test/conformance holds against PyTorch.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openCompiled, openSession, readSafetensors, type HostTensor } from '../../runtime/index.js'
import { chooseBackend } from '../../runtime/session.js'
import { compile } from '../../src/index.js'
import { hostOf } from '../../src/host-tensor.js'
import { NoKernels } from '../../kernels/library.js'
import { Tensor } from '../../src/tensor.js'
import { about, load, modelNames, reference } from '../helpers/source-models.js'
import { library } from './native.js'

/** ‖difference‖ / ‖gradient‖; the same operators in the same order, or in another one. */
const TOLERANCES = { body: 1e-6, kernel: 1e-5 }

const LOSSES = { causal: 'causal-lm', token: 'token' } as const

let root: string
beforeAll(() => (root = mkdtempSync(path.join(os.tmpdir(), 'kernels-'))))
afterAll(() => rmSync(root, { recursive: true }))

const canRegister = !(library instanceof NoKernels) && chooseBackend().name === 'native'
if (!canRegister)
  console.warn('kernels are not tested in a session: there is no library, or no native session')

type Results = Record<string, HostTensor>

/** Loss and gradients of everything kept, and of every third site dropped. */
async function run(
  name: string,
  kernels: boolean,
  file?: string,
): Promise<{ calls: string[]; results: Results[] }> {
  const directory = path.join(root, `${name}-${kernels}`)
  const kind = LOSSES[about(name).kind as keyof typeof LOSSES]
  const compilation = compile(load(name), { loss: { kind }, kernels })
  compilation.write(directory, { force: true })
  const { manifest } = openCompiled(directory)
  const options = {
    threads: 1,
    ...(file === undefined ? { backend: 'node' as const } : { backend: 'native' as const, kernels: file }),
  }
  const session = await openSession(path.join(directory, manifest.models.training), options)
  const { inputs } = reference(name)
  const feeds: Record<string, HostTensor> = {}
  for (const input of manifest.inputs) {
    const { dtype, dims, data } = inputs[input.name]!
    feeds[input.name] = hostOf(Tensor.of(dtype as 'int64', dims, data))
  }
  const ids = Object.values(feeds).find((t) => t.dtype === 'int64')!
  feeds[manifest.loss.labels!.name] = ids
  const weights = readSafetensors(path.join(directory, manifest.checkpoint))
  for (const p of manifest.parameters) if (p.input) feeds[p.input] = weights.get(p.name)!
  const results: Results[] = []
  for (const drop of [0, 3]) {
    manifest.sites.forEach((site, i) => {
      feeds[site.keep] = {
        dtype: 'bool',
        shape: [],
        data: Uint8Array.of(Number(drop === 0 || i % drop !== 0)),
      }
    })
    const fetched = await session.run(feeds, Object.fromEntries(session.outputs.map((o) => [o, null])))
    results.push(
      Object.fromEntries(Object.entries(fetched).map(([k, t]) => [k, { ...t, data: t.data.slice() }])),
    )
  }
  await session.release()
  return { calls: compilation.training.functions.map((f) => f.name), results }
}

function norm(data: ArrayLike<number | bigint>): number {
  return Math.sqrt(Array.from(data, Number).reduce((a, x) => a + x * x, 0))
}

function expectAlike(got: Results, want: Results, tolerance: number): void {
  const largest = Math.max(...Object.values(want).map((t) => norm(t.data)))
  for (const [key, { shape, data }] of Object.entries(want)) {
    expect(got[key]!.shape, key).toEqual(shape)
    const difference = norm(Array.from(data as Float32Array, (x, i) => x - Number(got[key]!.data[i])))
    // a gradient that is zero but for rounding (a key's bias) is measured against the others
    expect(difference / Math.max(norm(data), 1e-3 * largest), key).toBeLessThanOrEqual(tolerance)
  }
}

describe.each(modelNames)('%s', (name) => {
  let plain: Results[]
  beforeAll(async () => {
    const { calls, results } = await run(name, false)
    expect(calls).toEqual([])
    plain = results
  })

  test('has calls, and bodies that compute the same', async () => {
    const called = await run(name, true)
    expect(called.calls).toEqual(expect.arrayContaining([expect.stringMatching(/^Attention.*Grad_f32_v1$/)]))
    called.results.forEach((r, k) => expectAlike(r, plain[k]!, TOLERANCES.body))
  })

  test.skipIf(!canRegister)('has kernels that compute the same', async () => {
    const file = (library as { file: string }).file
    const kernels = await run(name, true, file)
    kernels.results.forEach((r, k) => expectAlike(r, plain[k]!, TOLERANCES.kernel))
  })
})
