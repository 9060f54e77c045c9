/** The modulated convolution of image generators: Reciprocal, and a weight that the export holds in two shapes. */
import path from 'node:path'
import { expect, test } from 'vitest'
import { openCompiled } from '../../../runtime/index.js'
import { loadModel } from '../../../src/onnx/index.js'
import {
  compileFixture,
  expectCurve,
  expectGradients,
  fixturePath,
  openTrainer,
  Reference,
} from './fixture.js'

const NAME = 'modulated_convolution'
const reference = Reference.read(path.join(import.meta.dirname, `${NAME}.safetensors`))

test('the model has a Reciprocal', () => {
  expect([...loadModel(fixturePath(NAME)).graph.nodes].map((n) => n.op)).toContain('Reciprocal')
})

test("gradients and training are PyTorch's", async () => {
  const directory = compileFixture(NAME, 'mse')
  const { parameters } = openCompiled(directory).manifest
  expect(parameters.map((p) => p.name).sort()).toEqual(['net.style.bias', 'net.style.weight', 'net.weight'])
  await expectGradients(directory, reference)
  await expectCurve(directory, reference)
})

test('the trained weight is put back in both shapes', async () => {
  const directory = compileFixture(NAME, 'mse')
  const trainer = await openTrainer(directory, 1)
  await trainer.trainStep([reference.batch], [[]])
  const file = path.join(directory, 'trained.onnx')
  trainer.exportModel(file, fixturePath(NAME))
  await trainer.release()
  const weights = (at: string): number[][] =>
    [...loadModel(at).graph.initializers]
      .filter((v) => v.data!.size === 6 * 4 * 3 * 3)
      .map((v) => [...v.data!.numbers()])
  const [trained, copy] = weights(file)
  expect(copy).toEqual(trained)
  expect(trained).not.toEqual(weights(fixturePath(NAME))[0])
})
