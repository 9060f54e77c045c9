/**
 * Exported models with control flow, compiled and run in ONNX Runtime: loss and every gradient are PyTorch's, for batches of
 * different lengths that take different branches, with all residual branches kept and under masks. References: export.py.
 */
import path from 'node:path'
import * as ort from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import { openCompiled } from '../../../runtime/index.js'
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
    const wanted = reference.gradients(run)
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

/** What an export holds, what its training graph still does, and its residual branches. */
const CASES = [
  {
    name: 'cond',
    source: 'If',
    training: 'If',
    sites: ['blocks.0.first', 'blocks.0.second', 'blocks.1.first', 'blocks.1.second'],
  },
  { name: 'scan', source: 'Scan', training: 'Scan', sites: ['blocks.0.first', 'blocks.0.second'] },
  { name: 'scan_static', source: 'Scan', training: undefined, sites: ['blocks.0.first', 'blocks.0.second'] },
  { name: 'scripted_if', source: 'If', training: 'If', sites: [] },
  { name: 'scripted_loop', source: 'Loop', training: 'Loop', sites: [] },
] as const

describe.each(CASES)('$name', ({ name, source, training, sites }) => {
  const directory = compileFile(at(`${name}.onnx`), 'mse')
  const { manifest } = openCompiled(directory)

  test('is the export that it is meant to be', () => {
    expect(operators(at(`${name}.onnx`))).toContain(source)
    const ops = operators(path.join(directory, manifest.models.training))
    if (training) expect(ops).toContain(training)
    else expect(ops).not.toContain(source)
    expect(manifest.sites.map((s) => s.name)).toEqual(sites)
  })

  test.each(name === 'scan_static' ? [0] : [0, 1])('batch %i', async (k) => {
    await expectReference(directory, name, k)
  })
})
