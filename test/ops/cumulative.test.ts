import { cumulative } from '../../src/ops/cumulative.js'
import { checkFamily, ints, signed, type Sample } from './harness.js'

const x = signed(2, 3, 5)
const sample = (about: string, axis: number, attributes = {}): Sample => ({
  about,
  inputs: [x, ints([axis], [])],
  attributes,
  notInFloat16: 'ONNX Runtime has no CumSum of float16 on CPUs',
})

checkFamily(cumulative, {
  CumSum: [
    sample('last axis', -1),
    sample('first axis', 0),
    sample('exclusive', 1, { exclusive: 1 }),
    sample('reverse', 1, { reverse: 1 }),
    sample('exclusive and reverse', 1, { exclusive: 1, reverse: 1 }),
  ],
})
