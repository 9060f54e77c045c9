import { cumulative } from '../../src/ops/cumulative.js'
import { checkFamily, floats, ints, signed, type Sample } from './harness.js'

const x = signed(2, 3, 5)
const sample = (about: string, axis: number, attributes = {}): Sample => ({
  about,
  inputs: [x, ints([axis], [])],
  attributes,
  notInFloat16: 'ONNX Runtime has no CumSum of float16 on CPUs',
})
const product: typeof sample = (about, axis, attributes) => ({
  ...sample(about, axis, attributes),
  opset: 26,
})

checkFamily(cumulative, {
  CumSum: [
    sample('last axis', -1),
    sample('first axis', 0),
    sample('exclusive', 1, { exclusive: 1 }),
    sample('reverse', 1, { reverse: 1 }),
    sample('exclusive and reverse', 1, { exclusive: 1, reverse: 1 }),
  ],
  CumProd: [
    product('last axis', -1),
    product('first axis', 0),
    product('exclusive', 1, { exclusive: 1 }),
    product('reverse', 1, { reverse: 1 }),
    product('exclusive and reverse', 1, { exclusive: 1, reverse: 1 }),
    { ...product('zeros', 1), inputs: [floats([2, 4], [2, 0, 3, 1, 0, 2, 0, 3]), ints([1], [])] },
  ],
})
