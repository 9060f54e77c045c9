/** A Llama after ONNX Runtime's own optimizer pass, which fuses SimplifiedLayerNormalization into the default domain. */
import path from 'node:path'
import * as ort from 'onnxruntime-node'
import { expect, test } from 'vitest'
import { loadModel } from '../../../src/onnx/index.js'
import { compileFile, expectGradients, Reference, temporaryFolder, train } from './fixture.js'

const MODELS = path.resolve(import.meta.dirname, '../../models')
const reference = Reference.read(path.join(MODELS, 'llama_ts17.safetensors'))

async function optimized(): Promise<string> {
  const file = path.join(temporaryFolder(), 'optimized.onnx')
  const session = await ort.InferenceSession.create(path.join(MODELS, 'llama_ts17.onnx'), {
    graphOptimizationLevel: 'extended',
    optimizedModelFilePath: file,
    logSeverityLevel: 3,
  })
  await session.release()
  return file
}

test("gradients are PyTorch's, and training lowers the loss", async () => {
  const file = await optimized()
  const norms = [...loadModel(file).graph.nodes].filter((n) => n.op === 'SimplifiedLayerNormalization')
  expect(norms.map((n) => n.domain)).toEqual(['', '', '', '', ''])
  const directory = compileFile(file, 'causal-lm')
  await expectGradients(directory, reference)
  const losses = await train(directory, reference, 4)
  expect(losses.at(-1)).toBeLessThan(0.9 * losses[0]!)
})
