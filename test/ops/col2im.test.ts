import { col2im } from '../../src/ops/col2im.js'
import { checkFamily, ints, signed } from './harness.js'

const notInFloat16 = 'no kernel'

checkFamily(col2im, {
  Col2Im: [
    {
      about: 'blocks side by side',
      inputs: [signed(2, 12, 4), ints([4, 6]), ints([2, 3])],
      attributes: { strides: [2, 3] },
      notInFloat16,
    },
    { about: 'overlapping', inputs: [signed(1, 6, 12), ints([4, 6]), ints([2, 3])], notInFloat16 },
    {
      about: 'padded, dilated',
      inputs: [signed(2, 8, 9), ints([5, 4]), ints([2, 2])],
      attributes: { dilations: [2, 1], pads: [1, 0, 1, 0], strides: [2, 1] },
      notInFloat16,
    },
    { about: 'one axis', inputs: [signed(2, 6, 4), ints([6]), ints([3])], notInFloat16 },
  ],
})
