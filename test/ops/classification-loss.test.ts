import { classificationLoss } from '../../src/ops/classification-loss.js'
import { checkFamily, constant, fed, ints, positive, signed, type Operand, type Sample } from './harness.js'

const x = signed(4, 3)
const target = fed(ints([2, 0, 1, 1]))
const ignoring = fed(ints([2, 0, 0, 1]))
const weight = constant(positive(3))

function samples(more: { outputs?: number } = {}): Sample[] {
  const reductions = ['none', 'sum', 'mean']
  const sample = (about: string, inputs: Operand[], attributes = {}) =>
    reductions.map((reduction) => ({
      about: `${about}, ${reduction}`,
      inputs,
      attributes: { reduction, ...attributes },
      ...more,
    }))
  return [
    ...sample('plain', [x, target]),
    ...sample('weights', [x, target, weight]),
    ...sample('ignored', [x, ignoring], { ignore_index: 0 }),
    ...sample('ignored and weights', [x, ignoring, weight], { ignore_index: 0 }),
    ...sample('spatial', [signed(2, 3, 2), fed(ints([0, 2, 1, 0], [2, 2]))]),
    ...sample('int32 targets', [x, fed(ints([2, 0, 1, 1], [4], 'int32'))]),
  ]
}

checkFamily(classificationLoss, {
  NegativeLogLikelihoodLoss: samples().map((s) => ({ ...s, notInFloat16: 'float32 and float64 only' })),
  SoftmaxCrossEntropyLoss: [
    ...samples().map((s) => ({ ...s, notInFloat16: 'float32 and float64 only' })),
    ...samples({ outputs: 2 }).map((s) => ({ ...s, about: `${s.about}, both outputs` })),
  ],
})
