/** A vision transformer whose LayerNormalization nodes have one output: gradient builders wanted three. */
import path from 'node:path'
import { expect, test } from 'vitest'
import { openCompiled } from '../../../runtime/index.js'
import { loadModel } from '../../../src/onnx/index.js'
import { compileFixture, expectCurve, expectGradients, fixturePath, Reference } from './fixture.js'

const reference = Reference.read(path.join(import.meta.dirname, 'vit.safetensors'))

test('its normalisations have one output', () => {
  const norms = [...loadModel(fixturePath('vit')).graph.nodes].filter((n) => n.op === 'LayerNormalization')
  expect(norms).toHaveLength(5)
  for (const node of norms) expect(node.outputs).toHaveLength(1)
})

test("sites, gradients and training are PyTorch's", async () => {
  const directory = compileFixture('vit', 'class')
  expect(openCompiled(directory).manifest.sites.map(({ name, kind }) => [name, kind])).toEqual([
    ['net.vit.layers.0.attention', 'attention'],
    ['net.vit.layers.0.mlp', 'mlp'],
    ['net.vit.layers.1.attention', 'attention'],
    ['net.vit.layers.1.mlp', 'mlp'],
  ])
  await expectGradients(directory, reference)
  await expectCurve(directory, reference)
})
