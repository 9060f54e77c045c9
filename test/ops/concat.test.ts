import { concat } from '../../src/ops/concat.js'
import { checkFamily, constant, fed, ints, signed } from './harness.js'

const shared = signed(2, 3)

checkFamily(concat, {
  Concat: [
    { inputs: [signed(2, 3), signed(4, 3), signed(1, 3)], attributes: { axis: 0 } },
    { about: 'negative axis', inputs: [signed(2, 3), signed(2, 5)], attributes: { axis: -1 } },
    { about: 'one operand', inputs: [shared], attributes: { axis: 1 } },
    { about: 'the same operand twice', inputs: [shared, shared], attributes: { axis: 1 } },
    { about: 'an empty operand', inputs: [signed(2, 0), signed(2, 3)], attributes: { axis: 1 } },
    {
      about: 'beside a constant',
      inputs: [constant(signed(2, 2, 3)), signed(2, 4, 3)],
      attributes: { axis: -2 },
    },
    { about: 'known integers', inputs: [ints([1, 2]), ints([3])], attributes: { axis: 0 } },
  ],
  Split: [
    { about: 'given sizes', inputs: [signed(2, 7), ints([1, 4, 2])], attributes: { axis: 1 }, outputs: 3 },
    { about: 'equal parts', inputs: [signed(6, 2)], attributes: { num_outputs: 3 }, outputs: 3 },
    {
      about: 'a smaller last part',
      inputs: [signed(2, 7)],
      attributes: { axis: -1, num_outputs: 3 },
      outputs: 3,
    },
    { about: 'fed sizes', inputs: [signed(5, 2), fed(ints([2, 3]))], outputs: 2 },
    { about: 'one part', inputs: [signed(3, 2)], attributes: { num_outputs: 1 } },
    { about: 'known integers', inputs: [ints([1, 2, 3]), ints([1, 2])], outputs: 2 },
  ],
})
