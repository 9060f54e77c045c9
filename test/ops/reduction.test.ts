import { reduction } from '../../src/ops/reduction.js'
import {
  bools,
  checkFamily,
  fed,
  floats,
  ints,
  positive,
  signed,
  type Operand,
  type Sample,
} from './harness.js'

/** Axis variants that every reduction must stand. */
function samples(make: (...shape: number[]) => Operand): Sample[] {
  return [
    { about: 'last axis', inputs: [make(2, 3, 5), ints([-1])] },
    { about: 'last axis dropped', inputs: [make(2, 3, 5), ints([2])], attributes: { keepdims: 0 } },
    { about: 'first and last axes', inputs: [make(2, 3, 4), ints([0, -1])], attributes: { keepdims: 0 } },
    { about: 'first and last axes kept', inputs: [make(2, 3, 4), ints([2, 0])] },
    { about: 'all axes by default', inputs: [make(2, 3)], attributes: { keepdims: 0 } },
    { about: 'all axes by default, kept', inputs: [make(2, 3)] },
    { about: 'axis of length one', inputs: [make(3, 1), ints([1])] },
    {
      about: 'empty axes mean none',
      inputs: [make(2, 3), ints([])],
      attributes: { noop_with_empty_axes: 1 },
    },
    {
      about: 'axes at run time',
      inputs: [make(2, 3, 4), fed(ints([-1, 0]))],
      attributes: { keepdims: 0 },
      notSymbolic: 'the rank depends on how many axes there are',
    },
    { about: 'axes at run time, kept', inputs: [make(2, 3, 4), fed(ints([1]))] },
  ]
}

const known = [
  { about: 'known integers', inputs: [ints([3, 4, 5])], attributes: { keepdims: 0 } },
  { about: 'integers', inputs: [fed(ints([3, -4, 5, 6], [2, 2])), ints([0])], attributes: { keepdims: 0 } },
]
const zeros = floats([3, 3], [0, 2, 3, 0, 0, 3, 1, 2, 3])

checkFamily(reduction, {
  ReduceSum: [...samples(signed), ...known],
  ReduceMean: samples(signed),
  ReduceMax: [
    ...samples(signed),
    ...known,
    { about: 'bools', inputs: [bools([2, 3], [0, 1, 0, 0, 0, 0]), ints([1])] },
    { about: 'no bools', inputs: [bools([2, 0], []), ints([1])], notInRuntime: 'it refuses the empty set' },
    { about: 'ties', inputs: [floats([2, 3], [1, 1, 0, 2, 3, 3]), ints([1])], notDifferentiated: 'kink' },
  ],
  ReduceMin: [...samples(signed), ...known],
  ReduceProd: [...samples(signed), ...known, { about: 'zeros', inputs: [zeros, ints([1])] }],
  ReduceSumSquare: samples(signed),
  ReduceL1: samples(signed),
  ReduceL2: [
    ...samples(signed),
    { about: 'zero', inputs: [floats([2, 2], [0, 0, 3, 4]), ints([1])], notDifferentiated: 'kink at 0' },
  ],
  ReduceLogSum: samples(positive),
  ReduceLogSumExp: samples(signed),
})
