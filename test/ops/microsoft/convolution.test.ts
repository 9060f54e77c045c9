import { microsoftConvolution } from '../../../src/ops/microsoft/convolution.js'
import { checkFamily, floats, signed } from '../harness.js'

const float16 = { notInFloat16: 'no kernel', notSymbolic: 'every channel is a group' }
const image = floats([1, 2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8])
/** One output channel that adds the first input channel to twice the second. */
const weight = floats([1, 2, 1, 1], [1, 2])

checkFamily(microsoftConvolution, {
  'com.microsoft::NhwcConv': [
    { inputs: [image, weight, floats([1], [0.5])], expected: [[5.5, 11.5, 17.5, 23.5]] },
    {
      about: 'windows',
      inputs: [image, floats([1, 2, 2, 2], [1, 0, 0, 1, 0, 0, 0, 0])],
      attributes: { kernel_shape: [2, 2], pads: [0, 0, 0, 0] },
      expected: [[1 + 7]],
    },
  ],
  'com.microsoft::NhwcFusedConv': [
    {
      inputs: [image, weight, floats([1], [-12]), floats([1, 2, 2, 1], [10, 0, 0, 0])],
      attributes: { activation: 'Relu' },
      expected: [[3, 0, 5, 11]],
    },
  ],
  'com.microsoft::NhwcMaxPool': [
    { inputs: [image], attributes: { kernel_shape: [2, 2] }, expected: [[7, 8]] },
  ],
  'com.microsoft::CausalConvWithState': [
    { about: 'from nothing', inputs: [signed(2, 3, 5), signed(3, 1, 2)], outputs: 2, ...float16 },
    {
      about: 'bias, past, SiLU',
      inputs: [signed(2, 3, 5), signed(3, 1, 3), signed(3), signed(2, 3, 2)],
      attributes: { activation: 'silu' },
      outputs: 2,
      ...float16,
    },
  ],
})
