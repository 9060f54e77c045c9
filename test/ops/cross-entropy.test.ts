import { describe, expect, test } from 'vitest'
import { crossEntropy } from '../../src/ops/cross-entropy.js'
import { lowerModel } from '../../passes/lower.js'
import { standardOps } from '../../src/ops/index.js'
import { Builder, float } from '../../src/builder.js'
import { Model, Value } from '../../src/ir.js'
import { bindInputDims } from '../../src/infer.js'
import { tensorType } from '../../src/types.js'
import { feed, runModel } from '../helpers/expect-pass.js'
import { checkFamily, constant, floats, ints, signed, uniform } from './harness.js'

const IGNORED = -100
const logits = uniform(-4, 4, 2, 4, 5)
const logProbabilities = floats(
  [3, 4],
  [4, 2, 1, 1, 1, 1, 2, 4, 2, 2, 2, 2].map((n) => Math.log(n / 8)),
)
const large = floats([2, 3], [-300, 0, 200, 90, 100, -90])

checkFamily(crossEntropy, {
  'com.dropbp::CrossEntropy': [
    { about: 'a label a position', inputs: [logits, ints([0, 4, 2, 2, 1, 3, 0, 4], [2, 4])] },
    { about: 'a label a row', inputs: [signed(3, 6), ints([5, 0, 2])] },
    { about: 'some ignored', inputs: [logits, ints([0, IGNORED, 2, 2, IGNORED, IGNORED, 0, 4], [2, 4])] },
    { about: 'all ignored', inputs: [logits, ints(new Array<number>(8).fill(IGNORED), [2, 4])] },
    {
      about: 'the next position is the label',
      inputs: [logits, ints([0, 4, 2, 2, 1, IGNORED, 0, 4], [2, 4])],
      attributes: { shift: 1 },
    },
    { about: 'own ignore_index', inputs: [signed(3, 6), ints([5, 0, 2])], attributes: { ignore_index: 0 } },
    { about: 'large logits', inputs: [large, ints([2, 0])] },
    {
      about: 'smoothed labels, some ignored',
      inputs: [logits, ints([0, IGNORED, 2, 2, IGNORED, IGNORED, 0, 4], [2, 4])],
      attributes: { shift: 1, label_smoothing: float(0.25) },
    },
    {
      about: 'log-probabilities too',
      inputs: [signed(3, 6), ints([5, 0, 2])],
      outputs: 2,
      notDifferentiated: 'saved',
    },
  ],
  'com.dropbp::CrossEntropyGrad': [
    {
      inputs: [logProbabilities, ints([3, IGNORED, 2])],
      outputs: 2,
      notDifferentiated: 'of the backward',
    },
    {
      about: 'smoothed labels',
      inputs: [logProbabilities, ints([3, IGNORED, 2])],
      attributes: { label_smoothing: float(0.25) },
      outputs: 2,
      notDifferentiated: 'of the backward',
    },
  ],
  'com.dropbp::RowScale': [{ inputs: [signed(3, 6), signed(3, 1)], notDifferentiated: 'of the backward' }],
  'com.dropbp::BinaryCrossEntropy': [
    { inputs: [signed(3, 4), constant(uniform(0, 1, 3, 4))] },
    { about: 'large logits', inputs: [large, constant(floats([2, 3], [0, 1, 1, 0, 0, 1]))] },
    { about: 'logit 0', inputs: [floats([2], [0, 0]), constant(floats([2], [0, 1]))] },
  ],
})

/** The loss of logits [n, 3], in operators of the runtime. */
function lowered(attributes = {}): Model {
  const model = new Model()
  model.opsets.set('', 20)
  const x = model.graph.addInput(new Value('logits', tensorType('float32', ['n', 3])))
  const y = model.graph.addInput(new Value('labels', tensorType('int64', ['n'])))
  bindInputDims(model)
  const b = new Builder(model, model.graph, standardOps)
  model.graph.setOutputs([b.emit('CrossEntropy', [x, y], attributes, { domain: 'com.dropbp', name: 'loss' })])
  lowerModel(model, standardOps)
  return model
}

test('the runtime is told that the largest tensors are of one shape: without it, nothing is in place', () => {
  const described = [...lowered().graph.nodes].flatMap((n) => n.outputs.filter((v) => v.described))
  expect(described.map((v) => [v.producer!.op, String(v.type!.shape)])).toEqual([['LogSoftmax', 'n,3']])
})

describe('labels out of range are an error of the runtime, not another class', () => {
  const run = (labels: number[]) => {
    const n = labels.length
    return runModel(lowered(), {
      logits: feed('float32', [n, 3], new Array<number>(3 * n).fill(0)),
      labels: feed('int64', [n], labels),
    })
  }
  test('in range', async () => {
    const [loss] = Object.values(await run([2, -100]))
    expect(loss!.data[0]).toBeCloseTo(Math.log(3), 6)
  })
  test.each([[[3]], [[-1]], [[-3, 0]]])('%s', async (labels) => {
    await expect(run(labels)).rejects.toThrow(/indices|index/i)
  })
})

test("smoothed labels are PyTorch's", async () => {
  const [loss] = Object.values(
    await runModel(lowered({ label_smoothing: float(0.1) }), {
      logits: feed('float32', [3, 3], [1, -2, 0.5, 0.25, 3, -1, 0, 0, 2]),
      labels: feed('int64', [3], [2, -100, 0]),
    }),
  )
  // torch.nn.functional.cross_entropy(logits, labels, label_smoothing=0.1)
  expect(loss!.data[0]).toBeCloseTo(1.6220707893, 6)
})
