import { scatter } from '../../src/ops/scatter.js'
import { checkFamily, fed, floats, ints, signed, uniform, type Sample } from './harness.js'

const column = fed(ints([1, 0, 2, 2], [2, 2]))
const repeated = fed(ints([1, 1, -2, 0, 1, 1], [3, 2]))
const points = fed(ints([0, 1, 2, 3, 0, 1], [3, 2]))

const elements = (reduction: string, updates = signed(3, 2)): Sample => ({
  about: reduction,
  inputs: [signed(3, 4), repeated, updates],
  attributes: { axis: 0, reduction },
  opset: 18,
})

const nd = (reduction: string, updates = signed(3)): Sample => ({
  about: reduction,
  inputs: [signed(3, 4), points, updates],
  attributes: { reduction },
  opset: 18,
})

const scattered: Sample[] = [
  { inputs: [signed(3, 4), column, signed(2, 2)] },
  {
    about: 'last axis',
    inputs: [signed(2, 4), fed(ints([-1, 0, 2, 1], [2, 2])), signed(2, 2)],
    attributes: { axis: -1 },
  },
]

checkFamily(scatter, {
  ScatterElements: [
    ...scattered,
    elements('add'),
    elements('mul'),
    { ...elements('mul', floats([3, 2], [0, 2, 3, 0, 0, 0])), about: 'mul by zeros' },
    elements('max'),
    elements('min'),
    { about: 'known integers', inputs: [ints([7, 8, 9]), ints([2]), ints([5])] },
  ],
  Scatter: [{ ...scattered[1]!, notInRuntime: 'replaced by ScatterElements in opset 11' }],
  ScatterND: [
    { about: 'slices', inputs: [signed(3, 4), fed(ints([2, -3], [2, 1])), signed(2, 4)] },
    { about: 'points', inputs: [signed(3, 4), fed(ints([0, 1, 2, 3], [2, 2])), signed(2)] },
    nd('add'),
    nd('mul'),
    { ...nd('mul', floats([3], [0, 2, 0])), about: 'mul by zeros' },
    nd('max'),
    nd('min'),
    { about: 'known integers', inputs: [ints([7, 8, 9]), ints([2], [1, 1]), ints([5])] },
  ],
  TensorScatter: [
    { about: 'from the start', inputs: [uniform(0, 1, 2, 3, 5, 2), signed(2, 3, 4, 2)], opset: 24 },
    { about: 'at positions', inputs: [signed(2, 5, 2), signed(2, 2, 2), fed(ints([3, 0]))], opset: 24 },
    {
      about: 'circular',
      inputs: [signed(2, 5, 2), signed(2, 3, 2), ints([4, 1])],
      attributes: { mode: 'circular', axis: 1 },
      opset: 24,
    },
  ],
})
