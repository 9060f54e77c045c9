/** DistilBERT exported in training mode without constant folding, trained with MSE on its hidden states. */
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
  silenceDropout,
} from './fixture.js'

const NAME = 'distilbert_training'
const reference = Reference.read(path.join(import.meta.dirname, `${NAME}.safetensors`))
const STEPS = 12

test('the model drops out, and no constant was folded', () => {
  const ops = [...loadModel(fixturePath(NAME)).graph.nodes].map((n) => n.op)
  // Embeddings, attention weights and MLPs; SDPA drops without one in TorchScript.
  expect(ops.filter((op) => op === 'Dropout').length).toBeGreaterThan(2)
  expect(ops.filter((op) => op === 'Constant').length).toBeGreaterThan(10)
})

test("sites, gradients and training without dropout are PyTorch's", async () => {
  const directory = compileFixture(NAME, 'mse', silenceDropout)
  expect(openCompiled(directory).manifest.sites.map(({ name, kind }) => [name, kind])).toEqual(
    [0, 1].flatMap((layer) => [
      [`net.transformer.layer.${layer}.attention`, 'attention'],
      [`net.transformer.layer.${layer}.ffn`, 'mlp'],
    ]),
  )
  await expectGradients(directory, reference)
  await expectCurve(directory, reference)
})

test('with dropout, losses of a step differ, those of the evaluation do not, and training lowers them', async () => {
  const trainer = await openTrainer(compileFixture(NAME, 'mse'), STEPS)
  const keep = trainer.compiled.manifest.sites.map(() => true)
  const { batch } = reference
  const evaluate = async (): Promise<number> => (await trainer.evaluate([batch])).loss
  const start = await evaluate()
  expect(await evaluate()).toBe(start)
  expect(start / Number(reference.get('loss').data[0])).toBeCloseTo(1, 5)
  const losses: number[] = []
  for (let i = 0; i < STEPS; i++) losses.push((await trainer.trainStep([batch], [keep])).loss)
  expect(losses[0]).not.toBeCloseTo(start, 5)
  expect(await evaluate()).toBeLessThan(0.8 * start)
  await trainer.release()
})
