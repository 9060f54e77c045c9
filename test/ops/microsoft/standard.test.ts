import { microsoftStandard } from '../../../src/ops/microsoft/standard.js'
import { checkFamily, constant, floats, ints, signed, uniform } from '../harness.js'

const float16 = { notInFloat16: 'no kernel' }

checkFamily(microsoftStandard, {
  'com.microsoft::Range': [
    { inputs: [ints([1], []), ints([7], []), ints([2], [])] },
    { about: 'step 1', inputs: [ints([2], []), ints([5], [])] },
  ],
  'com.microsoft::Pad': [
    { inputs: [signed(2, 3), ints([0, 1, 1, 2])], attributes: { mode: 'constant' }, ...float16 },
    {
      about: 'value',
      inputs: [signed(2, 3), ints([0, 1, 1, 2]), constant(floats([1], [7]))],
      attributes: { mode: 'constant' },
      ...float16,
    },
    {
      about: 'reflected',
      inputs: [signed(2, 3), ints([0, 1, 0, 2])],
      attributes: { mode: 'reflect' },
      ...float16,
    },
  ],
  'com.microsoft::GatherND': [{ inputs: [signed(3, 2, 2), ints([0, 1, 2, 0], [2, 2])] }],
  'com.microsoft::GridSample': [
    { inputs: [signed(1, 1, 3, 3), uniform(-0.9, 0.9, 1, 2, 2, 2)], ...float16 },
    {
      about: 'cubic, corners aligned',
      inputs: [signed(1, 1, 4, 4), uniform(-0.9, 0.9, 1, 2, 2, 2)],
      attributes: { mode: 'bicubic', align_corners: 1 },
      ...float16,
    },
  ],
  'com.microsoft::TorchEmbedding': [
    {
      inputs: [floats([3, 2], [1, 2, 3, 4, 5, 6]), ints([2, 0, 2])],
      expected: [[5, 6, 1, 2, 5, 6]],
    },
  ],
  'com.microsoft::UnfoldTensor': [
    { inputs: [signed(2, 5)], attributes: { dim: -1, size: 2, step: 1 }, ...float16 },
    {
      about: 'first axis, in steps',
      inputs: [signed(5, 2)],
      attributes: { dim: 0, size: 3, step: 2 },
      ...float16,
    },
  ],
  'com.microsoft::ConvTransposeWithDynamicPads': [
    { inputs: [signed(1, 2, 3, 3), signed(2, 1, 2, 2), ints([0, 1, 1, 0])], ...float16 },
    {
      about: 'bias, strides',
      inputs: [signed(1, 2, 3, 3), signed(2, 1, 2, 2), ints([0, 0, 0, 0]), signed(1)],
      attributes: { strides: [2, 2] },
      ...float16,
    },
  ],
})
