/**
 * Exported models with control flow, compiled and run in ONNX Runtime: loss and every gradient are PyTorch's, for batches of
 * different lengths that take different branches, with all residual branches kept and under masks. References: export.py.
 */
import path from 'node:path'
import * as ort from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import { openCompiled, type HostTensor } from '../../../runtime/index.js'
import { loadModel } from '../../../src/onnx/index.js'
import { allGraphs } from '../../../src/order.js'
import { compileFile, distance, feeds, Reference } from '../field/fixture.js'

const TOLERANCE = 1e-5

const at = (file: string): string => path.join(import.meta.dirname, file)
const operators = (file: string): Set<string> =>
  new Set(allGraphs(loadModel(file).graph).flatMap((g) => [...g.nodes].map((n) => n.op)))

/** Loss and gradients of the k-th batch, under every mask. */
async function expectReference(directory: string, name: string, k: number): Promise<void> {
  const reference = Reference.read(at(`${name}.${k}.safetensors`))
  const { manifest } = openCompiled(directory)
  const session = await ort.InferenceSession.create(path.join(directory, manifest.models.training), {
    intraOpNumThreads: 1,
    logSeverityLevel: 3,
  })
  for (const run of reference.runs) {
    const mask =
      run === '' ? manifest.sites.map(() => true) : [...reference.get(`keep${run}`).data].map(Boolean)
    expect(manifest.sites).toHaveLength(mask.length)
    const results = await session.run(feeds(directory, reference.batch, mask))
    const loss = Number(reference.get(`loss${run}`).data[0])
    expect(Math.abs(Number(results[manifest.loss.output]!.data[0]) / loss - 1)).toBeLessThan(TOLERANCE)
    const gradients = reference.gradients(run)
    const kind = name.split('_')[0]!
    const wanted = kind in GATES ? joined(gradients, kind) : gradients
    const scale = Math.max(...[...wanted.values()].map((g) => Math.hypot(...[...g.data].map(Number))))
    for (const [parameter, gradient] of wanted) {
      const spec = manifest.parameters.find((p) => p.name === parameter)
      expect(spec?.gradient, `a gradient of ${parameter}`).toBeTruthy()
      const got = results[spec!.gradient!]!.data as Float32Array
      const expected = spec!.source.transposed ? transposed(gradient) : gradient.data
      expect(distance(got, expected, scale), `${parameter}, mask "${run}"`).toBeLessThan(TOLERANCE)
    }
    for (const p of manifest.parameters)
      if (p.gradient && !wanted.has(p.name)) expect(results[p.gradient]!.data, p.name).toHaveLength(0)
  }
  await session.release()
}

function transposed({
  data,
  shape,
}: {
  data: ArrayLike<number | bigint>
  shape: readonly number[]
}): Float32Array {
  const [rows, columns] = shape as [number, number]
  return Float32Array.from({ length: data.length }, (_, i) =>
    Number(data[(i % rows) * columns + Math.floor(i / rows)]),
  )
}

/** The framework's weights of a recurrence as the ONNX standard joins them: directions stacked, gates in its own order. */
const GATES: Readonly<Record<string, readonly number[]>> = { lstm: [0, 3, 1, 2], gru: [1, 0, 2], rnn: [0] }

/** Gradients of PyTorch's `weight_ih_l0`, … as those of `W_l0`, `R_l0` and `B_l0`. */
function joined(wanted: ReadonlyMap<string, HostTensor>, kind: string): Map<string, HostTensor> {
  const order = GATES[kind]!
  const result = new Map([...wanted].filter(([name]) => !name.startsWith('cells.')))
  const gates = (part: string, layer: number, direction: string): number[] => {
    const data = [...wanted.get(`cells.${part}_l${layer}${direction}`)!.data].map(Number)
    const size = data.length / order.length
    return order.flatMap((gate) => data.slice(gate * size, (gate + 1) * size))
  }
  for (const layer of [0, 1])
    for (const [role, parts] of Object.entries({
      W: ['weight_ih'],
      R: ['weight_hh'],
      B: ['bias_ih', 'bias_hh'],
    })) {
      const data = ['', '_reverse'].flatMap((d) => parts.flatMap((part) => gates(part, layer, d)))
      result.set(`cells.${role}_l${layer}`, {
        dtype: 'float32',
        shape: [data.length],
        data: Float32Array.from(data),
      })
    }
  return result
}

/** What an export holds, what its training graph still does, and its residual branches. */
const CASES = [
  {
    name: 'cond',
    source: 'If',
    training: 'If',
    sites: ['blocks.0.first', 'blocks.0.second', 'blocks.1.first', 'blocks.1.second'],
  },
  { name: 'scan', source: 'Scan', training: 'Scan', sites: ['blocks.0.first', 'blocks.0.second'] },
  { name: 'scan_static', source: 'Scan', sites: ['blocks.0.first', 'blocks.0.second'], batches: 1 },
  {
    name: 'while_loop',
    source: 'Loop',
    sites: ['', '#2', '#3'].flatMap((n) => [`block.first${n}`, `block.second${n}`]),
  },
  { name: 'lists', source: 'SequenceMap', sites: [] },
  { name: 'scripted_if', source: 'If', training: 'If', sites: [] },
  { name: 'scripted_loop', source: 'Loop', training: 'Loop', sites: [] },
  { name: 'lstm', source: 'LSTM', training: 'Scan', sites: [] },
  { name: 'gru', source: 'GRU', training: 'Scan', sites: [] },
  { name: 'rnn', source: 'RNN', training: 'Scan', sites: [] },
  { name: 'lstm_static', source: 'LSTM', sites: [], batches: 1 },
  { name: 'gru_static', source: 'GRU', sites: [], batches: 1 },
] as const

const LOOPS = ['If', 'Loop', 'Scan', 'LSTM', 'GRU', 'RNN']

describe.each(CASES)('$name', ({ name, source, sites, ...about }) => {
  const directory = compileFile(at(`${name}.onnx`), 'mse')
  const { manifest } = openCompiled(directory)

  test('is the export that it is meant to be', () => {
    expect(operators(at(`${name}.onnx`))).toContain(source)
    expect(manifest.sites.map((s) => s.name)).toEqual(sites)
    if (manifest.sites.length > 0) return // whose gates are conditions
    const left = LOOPS.filter((op) => operators(path.join(directory, manifest.models.training)).has(op))
    expect(left).toEqual('training' in about ? [about.training] : [])
  })

  test.each('batches' in about ? [0] : [0, 1])('batch %i', async (k) => {
    await expectReference(directory, name, k)
  })
})
