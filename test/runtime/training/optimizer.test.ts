import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { buildOptimizer, encodeModel, standardOps } from '../../../src/index.js'
import { openSession, Random, type CompiledModel } from '../../../runtime/index.js'
import { zeros, type HostTensor } from '../../../src/host-tensor.js'
import type { Manifest, OptimizerKind, ParameterSpec } from '../../../src/manifest.js'
import { GradientSet } from '../../../runtime/training/gradients.js'
import { openOptimizer, type OptimizerValues } from '../../../runtime/training/optimizer.js'
import { TrainingState } from '../../../runtime/training/state.js'

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'dropbp-optimizer-'))
afterAll(() => fs.rmSync(directory, { recursive: true }))

/** More than one slice, and a last one that is short. */
const SHAPES: Record<string, readonly number[]> = {
  scalar: [],
  one: [1],
  row: [7],
  odd: [3, 5],
  large: [601, 503],
}

function optimizerOf(kind: OptimizerKind): CompiledModel {
  const parameters = Object.entries(SHAPES).map(([name, shape]) => ({
    name,
    shape,
    dtype: 'float32' as const,
    gradient: `${name}_grad`,
  }))
  const { model, slice, spec } = buildOptimizer(kind, parameters, standardOps)
  fs.writeFileSync(path.join(directory, 'whole.onnx'), encodeModel(model))
  if (slice) fs.writeFileSync(path.join(directory, spec.slice!.model), encodeModel(slice))
  const specs = parameters.map((p) => ({ ...p, shape: [...p.shape], trainable: true }) as ParameterSpec)
  const manifest = { models: { optimizer: 'whole.onnx' }, parameters: specs, optimizer: spec } as Manifest
  return { directory, manifest }
}

const random = Random.seeded(3)
function draw(shape: readonly number[], scale: number): HostTensor {
  const tensor = zeros('float32', shape)
  tensor.data.forEach((_, i) => (tensor.data[i] = scale * (random.uniform() - 0.5)))
  return tensor
}

/** Three steps; one parameter has no gradient in the second. */
const steps = [0, 1, 2].map((step) =>
  Object.entries(SHAPES).map(([name, shape]) => (step === 1 && name === 'odd' ? null : draw(shape, 0.1))),
)
const start = Object.fromEntries(Object.entries(SHAPES).map(([name, shape]) => [name, draw(shape, 1)]))

async function trained(compiled: CompiledModel, values: OptimizerValues): Promise<[string, HostTensor][]> {
  const { manifest } = compiled
  const copy = ({ dtype, shape, data }: HostTensor): HostTensor => ({ dtype, shape, data: data.slice() })
  const state = new TrainingState(manifest, ({ name }) => copy(start[name]!))
  const vectors = Object.values(values).some((v) => typeof v !== 'number')
  const optimizer = await openOptimizer(compiled, { threads: 1 }, openSession, vectors)
  const gradients = new GradientSet(state.parameters)
  for (const given of steps) {
    gradients.expect(given.map((g) => g !== null))
    given.forEach((g, i) => g && gradients.set(i, g))
    await optimizer.run(state, gradients, values)
    state.advance(gradients)
  }
  await optimizer.release()
  return [...state.storedParameters(), ...state.storedMoments()]
}

describe.each(['adamw', 'sgd', 'lion'] as const)('%s in slices', (kind) => {
  const own = {
    learning_rate: Float64Array.of(0, 1e-2, 1e-3, 1e-1, 1e-2),
    weight_decay: Float64Array.of(0, 0, 1, 0.1, 0.2),
  }
  test.each([
    ['one learning rate', { learning_rate: 1e-2, weight_decay: 0.1, gradient_scale: 0.5 }],
    ['a learning rate and a decay for each parameter', own],
  ])('%s: bit by bit as in one run', async (_, values: OptimizerValues) => {
    const compiled = optimizerOf(kind)
    const { slice: _slice, ...whole } = compiled.manifest.optimizer
    const expected = await trained(
      { ...compiled, manifest: { ...compiled.manifest, optimizer: whole } },
      values,
    )
    const got = await trained(compiled, values)
    expect(got.map(([name]) => name)).toEqual(expected.map(([name]) => name))
    for (const [i, [name, tensor]] of got.entries())
      expect(
        Buffer.compare(Buffer.from(tensor.data.buffer), Buffer.from(expected[i]![1].data.buffer)),
        name,
      ).toBe(0)
    expect(got[4]![1].data).not.toEqual(start.large!.data)
  })
})

test('a step that looks at whole parameters has no slices', () => {
  expect(optimizerOf('adafactor').manifest.optimizer.slice).toBeUndefined()
})
