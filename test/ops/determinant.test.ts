import { determinant } from '../../src/ops/determinant.js'
import { checkFamily, floats, signed } from './harness.js'

const notInFloat16 = 'no kernel'

checkFamily(determinant, {
  Det: [
    { about: 'one matrix', inputs: [signed(3, 3)], notSymbolic: 'its gradient needs the size', notInFloat16 },
    {
      about: 'a batch',
      inputs: [signed(2, 3, 4, 4)],
      notSymbolic: 'its gradient needs the size',
      notInFloat16,
    },
    { about: 'numbers', inputs: [signed(3, 1, 1)], notInFloat16 },
    {
      about: 'a singular matrix',
      inputs: [floats([3, 3], [1, 2, 3, 2, 4, 6, 1, 0, 1])],
      notSymbolic: 'its gradient needs the size',
      notInFloat16,
    },
  ],
})
