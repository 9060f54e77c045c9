import { top } from '../../src/ops/top.js'
import { checkFamily, constant, fed, floats, ints, signed, type Sample } from './harness.js'

const ties = floats([2, 4], [1, 3, 3, 0, 2, 2, -1, 2])

const argument: Sample[] = [
  { inputs: [signed(3, 4)] },
  { about: 'negative axis, dropped', inputs: [signed(3, 4, 2)], attributes: { axis: -2, keepdims: 0 } },
  { about: 'the first of equals', inputs: [ties], attributes: { axis: 1 } },
  { about: 'the last of equals', inputs: [ties], attributes: { axis: 1, select_last_index: 1 } },
]

checkFamily(top, {
  TopK: [
    { inputs: [signed(3, 5), ints([2])], outputs: 2 },
    {
      about: 'smallest, another axis',
      inputs: [signed(5, 3, 2), ints([3])],
      attributes: { axis: 0, largest: 0 },
      outputs: 2,
    },
    { about: 'a fed count', inputs: [signed(3, 5), fed(ints([4]))], attributes: { axis: -1 }, outputs: 2 },
    { about: 'equal values', inputs: [ties, ints([3])], outputs: 2, notDifferentiated: 'ties' },
    { about: 'values only', inputs: [signed(3, 5), ints([2])] },
  ],
  ArgMax: argument,
  ArgMin: argument,
  OneHot: [
    { inputs: [fed(ints([0, 2, -1], [3])), ints([4], []), floats([2], [-0.5, 2])] },
    {
      about: 'another axis',
      inputs: [fed(ints([0, 2, 1, 7], [2, 2])), ints([3]), floats([2], [0, 1])],
      attributes: { axis: 1 },
    },
    {
      about: 'a float depth',
      inputs: [fed(ints([1])), constant(floats([], [3])), floats([2], [0, 1])],
    },
  ],
})
