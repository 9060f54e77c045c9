import { gather } from '../../src/ops/gather.js'
import { as, checkFamily, fed, ints, signed } from './harness.js'

checkFamily(gather, {
  Gather: [
    { about: 'embedding with repeated ids', inputs: [signed(7, 3), fed(ints([1, 4, 4, 0, 6, 1], [2, 3]))] },
    { about: 'negative ids', inputs: [signed(7, 3), fed(ints([-1, -7, 2]))] },
    {
      about: 'another axis',
      inputs: [signed(2, 5, 3), fed(ints([4, 0, 4, -2], [2, 2]))],
      attributes: { axis: 1 },
    },
    { about: 'the last axis', inputs: [signed(2, 5), fed(ints([4, 0]))], attributes: { axis: -1 } },
    { about: 'one constant index', inputs: [signed(2, 5, 3), ints([1], [])], attributes: { axis: 1 } },
    { about: 'one negative constant index', inputs: [signed(2, 5), ints([-1], [])], attributes: { axis: 1 } },
    { about: 'one fed index', inputs: [signed(5, 3), fed(ints([-2], []))] },
    { about: '32-bit ids', inputs: [signed(5, 3), as('int32', fed(ints([2, 2])))] },
    { about: 'no ids', inputs: [signed(5, 3), ints([], [0])] },
    { about: 'known integers', inputs: [ints([7, 8, 9]), ints([-1, 0])] },
  ],
  GatherElements: [
    { inputs: [signed(3, 4), fed(ints([0, 2, 2, 1], [1, 4]))] },
    {
      about: 'negative',
      inputs: [signed(3, 4), fed(ints([0, -1, 3, 3, -4, 1], [3, 2]))],
      attributes: { axis: -1 },
    },
    { about: 'known integers', inputs: [ints([7, 8, 9]), ints([2, 1])] },
  ],
  GatherND: [
    { about: 'points', inputs: [signed(3, 4), ints([0, 1, 2, 3, 2, 3], [3, 2])] },
    { about: 'slices', inputs: [signed(3, 4, 2), fed(ints([2, 0, -1, 2], [2, 2, 1]))] },
    {
      about: 'batch',
      inputs: [signed(2, 3, 4), fed(ints([1, 0, 2, 1, 1, 1], [2, 3, 1]))],
      attributes: { batch_dims: 1 },
    },
    {
      about: 'two batch axes',
      inputs: [signed(2, 3, 4), fed(ints([1, 0, 2, 3, -1, 1], [2, 3, 1]))],
      attributes: { batch_dims: 2 },
    },
    { about: 'known integers', inputs: [ints([7, 8, 9]), ints([2, 1], [2, 1])] },
  ],
})
