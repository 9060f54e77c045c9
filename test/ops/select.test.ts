import { select } from '../../src/ops/select.js'
import { as, bools, checkFamily, constant, fed, floats, ints, signed } from './harness.js'

const half = bools([3, 4], [0, 1, 1, 0, 0, 0, 1, 1, 1, 0, 1, 0])
const repeated = floats([6], [2, 1, 1, 3, 4, 3])

checkFamily(select, {
  Where: [
    { inputs: [half, signed(3, 4), signed(3, 4)] },
    { about: 'broadcast', inputs: [bools([3, 1], [0, 1, 1]), signed(4), signed(2, 1, 1)] },
    { about: 'a guard against NaN', inputs: [half, constant(floats([], [0])), signed(3, 4)] },
    { about: 'known integers', inputs: [as('bool', ints([0, 1])), ints([5, 6]), ints([7])] },
  ],
  Compress: [
    { about: 'flat', inputs: [signed(2, 3), bools([5], [0, 1, 0, 0, 1])] },
    { about: 'an axis', inputs: [signed(3, 4), bools([3], [1, 0, 1])], attributes: { axis: 1 } },
    {
      about: 'negative axis, constant',
      inputs: [signed(3, 4), constant(bools([4], [1, 0, 1, 1]))],
      attributes: { axis: -1 },
    },
  ],
  NonZero: [
    { inputs: [half] },
    { about: 'known', inputs: [as('bool', ints([0, 1, 1]))] },
    { about: 'none', inputs: [fed(ints([0, 0]))] },
  ],
  Unique: [
    { about: 'sorted', inputs: [repeated], outputs: 4, notDifferentiated: 'ties: values of a shared slot' },
    {
      about: 'in order',
      inputs: [repeated],
      attributes: { sorted: 0 },
      outputs: 4,
      notDifferentiated: 'ties',
    },
    { about: 'all different', inputs: [signed(2, 3)] },
    {
      about: 'slices',
      inputs: [floats([3, 2], [1, 0, 1, 0, 0, 5])],
      attributes: { axis: 0 },
      outputs: 4,
      notDifferentiated: 'ties',
    },
    { about: 'different slices', inputs: [signed(2, 3)], attributes: { axis: -1 }, outputs: 2 },
  ],
})
