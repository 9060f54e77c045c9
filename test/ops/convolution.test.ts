import type { AttributeArgs } from '../../src/builder.js'
import { convolution } from '../../src/ops/convolution.js'
import { checkFamily, constant, signed, type Operand, type Sample } from './harness.js'

const sample = (about: string, inputs: Operand[], attributes: AttributeArgs = {}): Sample => ({
  about,
  inputs,
  attributes,
})

checkFamily(convolution, {
  Conv: [
    sample('plain', [signed(2, 3, 6, 5), signed(4, 3, 3, 2), signed(4)]),
    sample('one axis', [signed(2, 3, 7), signed(4, 3, 3)]),
    sample('pads', [signed(1, 2, 5, 4), signed(3, 2, 3, 3)], { pads: [1, 0, 2, 1] }),
    sample('strides', [signed(2, 2, 7, 8), signed(3, 2, 3, 2)], { strides: [2, 3] }),
    sample('strides and pads', [signed(2, 2, 8, 7), signed(3, 2, 3, 3)], {
      strides: [2, 3],
      pads: [1, 1, 1, 1],
    }),
    sample('patches', [signed(2, 3, 8, 8), signed(5, 3, 4, 4), signed(5)], {
      strides: [4, 4],
      kernel_shape: [4, 4],
    }),
    sample('patches that leave a rest', [signed(1, 2, 7), signed(3, 2, 3)], { strides: [3] }),
    sample('dilations', [signed(1, 2, 8), signed(3, 2, 3)], { dilations: [2], pads: [2, 1] }),
    sample('strides and dilations', [signed(1, 2, 11), signed(3, 2, 3)], { dilations: [2], strides: [3] }),
    sample('groups', [signed(2, 4, 5), signed(6, 2, 3), signed(6)], { group: 2 }),
    sample('depthwise', [signed(2, 3, 6), signed(3, 1, 3)], { group: 3, pads: [1, 1] }),
    sample('same upper', [signed(1, 2, 6), signed(3, 2, 4)], { auto_pad: 'SAME_UPPER', kernel_shape: [4] }),
    sample('same lower', [signed(1, 2, 6), signed(3, 2, 4)], { auto_pad: 'SAME_LOWER', kernel_shape: [4] }),
    sample('valid', [signed(1, 2, 6), signed(3, 2, 4)], { auto_pad: 'VALID', strides: [2] }),
    sample('frozen weight', [signed(1, 2, 6), constant(signed(3, 2, 3))], { strides: [2] }),
    sample('frozen input', [constant(signed(1, 2, 6)), signed(3, 2, 3)], { strides: [2] }),
  ],
  ConvTranspose: [
    sample('plain', [signed(2, 3, 4, 3), signed(3, 4, 3, 2), signed(4)]),
    sample('one axis', [signed(2, 3, 5), signed(3, 2, 3)]),
    sample('strides and pads', [signed(1, 2, 4), signed(2, 3, 3)], { strides: [2], pads: [1, 1] }),
    sample('output padding', [signed(1, 2, 4), signed(2, 3, 3)], { strides: [3], output_padding: [2] }),
    sample('dilations', [signed(1, 2, 4), signed(2, 3, 3)], { dilations: [3] }),
    sample('groups', [signed(2, 4, 3), signed(4, 3, 2), signed(6)], { group: 2, strides: [2] }),
    {
      ...sample('output shape', [signed(1, 2, 4), signed(2, 3, 3)], { strides: [2], output_shape: [8] }),
      notSymbolic: 'the padding depends on the input',
    },
    sample('same upper', [signed(1, 2, 4), signed(2, 3, 3)], {
      strides: [2],
      auto_pad: 'SAME_UPPER',
      kernel_shape: [3],
    }),
    sample('same lower', [signed(1, 2, 4), signed(2, 3, 4)], { auto_pad: 'SAME_LOWER', kernel_shape: [4] }),
    sample('valid', [signed(1, 2, 4), signed(2, 3, 3)], { auto_pad: 'VALID' }),
  ],
})
