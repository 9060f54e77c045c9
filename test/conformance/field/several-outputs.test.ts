/** A classifier with hidden states and attention weights among its outputs: they are kept through training. */
import path from 'node:path'
import * as ort from 'onnxruntime-node'
import { expect, test } from 'vitest'
import { openCompiled } from '../../../runtime/index.js'
import { loadModel } from '../../../src/onnx/index.js'
import { runCompile } from '../../helpers/run-compile.js'
import {
  distance,
  expectCurve,
  expectGradients,
  feeds,
  fixturePath,
  openTrainer,
  Reference,
  temporaryFolder,
} from './fixture.js'

const NAME = 'several_outputs'
const OUTPUTS = ['hidden_0', 'hidden_1', 'attention', 'logits']
const reference = Reference.read(path.join(import.meta.dirname, `${NAME}.safetensors`))

async function compileWith(...flags: string[]): Promise<string> {
  const directory = path.join(temporaryFolder(), 'model.dropbp')
  const { code, err } = await runCompile([fixturePath(NAME), '-o', directory, ...flags])
  expect(err).toBe('')
  expect(code).toBe(0)
  return directory
}

test('the loss is computed from the logits, and the others are not computed', async () => {
  const { manifest } = openCompiled(await compileWith())
  expect(manifest.loss.kind).toBe('class')
  expect(manifest.outputs).toEqual([])
  expect(manifest.notes).toContain('the training graph does not compute "hidden_0", "hidden_1", "attention"')
})

test.each(['training', 'eval'] as const)('the %s graph gives them all', async (which) => {
  const directory = await compileWith('--outputs', '*')
  const { manifest } = openCompiled(directory)
  expect(manifest.outputs?.map((o) => o.name)).toEqual(OUTPUTS)
  const session = await ort.InferenceSession.create(path.join(directory, manifest.models[which]), {
    logSeverityLevel: 3,
  })
  expect(session.outputNames.slice(-OUTPUTS.length)).toEqual(OUTPUTS)
  const masks = which === 'training' ? [true, false].map((keep) => manifest.sites.map(() => keep)) : [[]]
  for (const mask of masks) {
    const results = await session.run(feeds(directory, reference.batch, mask))
    for (const name of OUTPUTS) {
      const { shape, data } = reference.get(`out/${name}`)
      expect(results[name]!.dims).toEqual(shape)
      expect(distance(results[name]!.data as Float32Array, data), name).toBeLessThan(1e-5)
    }
  }
  await session.release()
})

test("gradients and training are PyTorch's with them", async () => {
  const directory = await compileWith('--outputs', 'hidden_*', '--outputs', 'attention')
  await expectGradients(directory, reference)
  await expectCurve(directory, reference)
})

test('the trained model has them', async () => {
  const directory = await compileWith()
  const trainer = await openTrainer(directory, 1)
  await trainer.trainStep([reference.batch], [trainer.compiled.manifest.sites.map(() => true)])
  const file = path.join(directory, 'trained.onnx')
  trainer.exportModel(file, fixturePath(NAME))
  await trainer.release()
  expect(loadModel(file).graph.outputs.map((v) => v.name)).toEqual(OUTPUTS)
})

test('a name that no output has is refused', async () => {
  const { code, err } = await runCompile([fixturePath(NAME), '--dry-run', '--outputs', 'hiden_0'])
  expect(code).toBe(2)
  expect(err).toMatch(
    /no-such-output: --outputs "hiden_0" matches none of the model's 4 outputs; did you mean "hidden_0"/,
  )
})
