/** MobileBERT in training mode at opset 17: bottlenecks within bottlenecks, affine maps where other models normalise. */
import path from 'node:path'
import { expect, test } from 'vitest'
import { openCompiled } from '../../../runtime/index.js'
import { compileFixture, expectCurve, expectGradients, Reference, silenceDropout } from './fixture.js'

const reference = Reference.read(path.join(import.meta.dirname, 'mobilebert.safetensors'))

test("nested sites, gradients and training are PyTorch's", async () => {
  const directory = compileFixture('mobilebert', 'token', silenceDropout)
  const { sites } = openCompiled(directory).manifest
  expect(sites.map(({ name, kind, layer }) => [name, kind, layer])).toEqual(
    [0, 1].flatMap((layer) => [
      [`net.mobilebert.encoder.layer.${layer}.ffn.0.output.dense`, 'mlp', layer],
      [`net.mobilebert.encoder.layer.${layer}.output.dense`, 'mlp', layer],
      [`net.mobilebert.encoder.layer.${layer}.output.bottleneck.dense`, 'attention', layer],
    ]),
  )
  await expectGradients(directory, reference)
  await expectCurve(directory, reference)
})
