/** The native session gives what onnxruntime-node gives, bit for bit: loss and every gradient of the exported models. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openSession, readSafetensors, type HostTensor, type Session } from '../../../runtime/index.js'
import { bytesOf } from '../../../src/host-tensor.js'
import { compile, type Manifest } from '../../../src/index.js'
import { available } from './available.js'

const MODELS = path.resolve(import.meta.dirname, '../../models')
const LOSSES = { causal: 'causal-lm', token: 'token' } as const

const names = readdirSync(MODELS)
  .filter((file) => file.endsWith('.onnx'))
  .map((file) => path.basename(file, '.onnx'))

describe.skipIf(!available).each(names)('%s', (name) => {
  const about = JSON.parse(readFileSync(path.join(MODELS, `${name}.json`), 'utf8')) as {
    kind: keyof typeof LOSSES
  }
  const reference = readSafetensors(path.join(MODELS, `${name}.safetensors`))
  let root: string
  let directory: string
  let manifest: Manifest
  let sessions: Session[]

  beforeAll(async () => {
    root = mkdtempSync(path.join(os.tmpdir(), 'native-'))
    directory = path.join(root, 'compiled')
    compile(path.join(MODELS, `${name}.onnx`), { loss: { kind: LOSSES[about.kind] } }).write(directory)
    manifest = JSON.parse(readFileSync(path.join(directory, 'manifest.json'), 'utf8')) as Manifest
    const file = path.join(directory, manifest.models.training)
    sessions = await Promise.all(
      (['native', 'node'] as const).map((backend) => openSession(file, { threads: 1, spin: false, backend })),
    )
  })
  afterAll(async () => {
    for (const session of sessions ?? []) await session.release()
    rmSync(root, { recursive: true })
  })

  function feeds(keep: readonly boolean[]): Record<string, HostTensor> {
    const weights = readSafetensors(path.join(directory, manifest.checkpoint))
    const given: Record<string, HostTensor> = {}
    for (const input of manifest.inputs) given[input.name] = reference.get(`in/${input.name}`)!
    given[manifest.loss.labels!.name] = reference.get('labels')!
    manifest.sites.forEach(
      (site, i) => (given[site.keep] = { dtype: 'bool', shape: [], data: Uint8Array.of(Number(keep[i])) }),
    )
    for (const p of manifest.parameters) if (p.input) given[p.input] = weights.get(p.name)!
    return given
  }

  test('the backends are what they are called', () => {
    expect(sessions.map((s) => s.backend!.name)).toEqual(['native', 'node'])
    expect(sessions[0]!.inputs).toEqual(sessions[1]!.inputs)
    expect(sessions[0]!.outputs).toEqual(sessions[1]!.outputs)
  })

  test.each([
    ['all kept', () => true],
    ['every second', (i: number) => i % 2 === 0],
    ['the first dropped', (i: number) => i > 0],
    ['all dropped', () => false],
  ])('%s', async (_, keep) => {
    const given = feeds(manifest.sites.map((_, i) => keep(i)))
    const fetches = Object.fromEntries(sessions[0]!.outputs.map((output) => [output, null]))
    const [native, node] = [await sessions[0]!.run(given, fetches), await sessions[1]!.run(given, fetches)]
    expect(Object.keys(native)).toEqual(Object.keys(node))
    for (const [output, tensor] of Object.entries(node)) {
      expect(native[output]!.dtype, output).toBe(tensor.dtype)
      expect(native[output]!.shape, output).toEqual([...tensor.shape])
      expect(Buffer.compare(bytesOf(native[output]!), bytesOf(tensor)), output).toBe(0)
    }
    const absent = manifest.parameters.filter((p) => p.gradient && node[p.gradient]!.data.length === 0)
    if (keep(0) && keep(1)) expect(absent).toEqual([])
    for (const tensor of Object.values(native)) tensor.release?.()
  })
})
