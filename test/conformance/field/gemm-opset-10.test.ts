/** A traced multi-layer perceptron of Gemm and ReLU at opset 10. */
import path from 'node:path'
import { expect, test } from 'vitest'
import { loadModel } from '../../../src/onnx/index.js'
import { compileFixture, expectCurve, expectGradients, fixturePath, Reference } from './fixture.js'

const reference = Reference.read(path.join(import.meta.dirname, 'regression.safetensors'))

test('the model is of opset 10', () => {
  expect(loadModel(fixturePath('regression')).opset).toBe(10)
})

test("gradients and training are PyTorch's", async () => {
  const directory = compileFixture('regression', 'mse')
  await expectGradients(directory, reference)
  await expectCurve(directory, reference)
})
