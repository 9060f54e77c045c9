import { dropout } from '../../src/ops/dropout.js'
import { bools, checkFamily, constant, floats, signed } from './harness.js'

const x = signed(3, 5)
const ratio = constant(floats([], [0.3]))
const random = 'the mask is random'

checkFamily(dropout, {
  Dropout: [
    { about: 'inference', inputs: [x], outputs: 2 },
    { about: 'inference with a ratio', inputs: [x, ratio, constant(bools([], [0]))] },
    { about: 'training', inputs: [x, ratio, constant(bools([], [1]))], outputs: 2, notInRuntime: random },
    { about: 'training, half', inputs: [x, null, constant(bools([], [1]))], notInRuntime: random },
    {
      about: 'training, none dropped',
      inputs: [x, constant(floats([], [0])), constant(bools([], [1]))],
      outputs: 2,
    },
    { about: 'mode fed', inputs: [x, ratio, bools([], [1])], notInRuntime: random },
    { about: 'mode fed, inference', inputs: [x, ratio, bools([], [0])] },
  ],
})
