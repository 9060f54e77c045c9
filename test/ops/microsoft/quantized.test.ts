import { microsoftQuantized } from '../../../src/ops/microsoft/quantized.js'
import { as, checkFamily, constant, fed, ints, positive, signed, uniform, type Operand } from '../harness.js'

/** Constant random bytes. */
const bytes = (...shape: number[]): Operand =>
  as('uint8', ints(uniform(0, 256, ...shape).data.map(Math.floor), shape))

const scales = (...shape: number[]) => constant(positive(...shape))
const notInFloat16 = 'no kernel'

checkFamily(microsoftQuantized, {
  'com.microsoft::MatMulNBits': [
    {
      about: '4 bits',
      inputs: [signed(2, 3, 32), bytes(5, 2, 8), scales(5, 2)],
      attributes: { K: 32, N: 5, bits: 4, block_size: 16 },
      notInFloat16,
    },
    {
      about: '4 bits, zero points, a block that is cut',
      inputs: [signed(3, 40), bytes(5, 3, 8), scales(5, 3), bytes(5, 2)],
      attributes: { K: 40, N: 5, bits: 4, block_size: 16 },
      notInFloat16,
    },
    {
      about: '8 bits, bias',
      inputs: [signed(3, 32), bytes(4, 1, 32), scales(4, 1), null, null, constant(signed(4))],
      attributes: { K: 32, N: 4, bits: 8, block_size: 32 },
      notInFloat16,
    },
    {
      about: 'a bias that is trained',
      inputs: [signed(3, 16), bytes(4, 1, 16), scales(4, 1), null, null, signed(4)],
      attributes: { K: 16, N: 4, bits: 8, block_size: 16 },
      notInRuntime: 'wants a bias of static size',
    },
    {
      about: '2 bits',
      inputs: [signed(3, 32), bytes(4, 2, 4), scales(4, 2)],
      attributes: { K: 32, N: 4, bits: 2, block_size: 16 },
      notInFloat16,
    },
  ],
  'com.microsoft::GatherBlockQuantized': [
    {
      about: '4 bits',
      inputs: [bytes(7, 16), fed(ints([1, 6, 0, 1], [2, 2])), scales(7, 2)],
      attributes: { block_size: 16, bits: 4, quantize_axis: 1 },
    },
    {
      about: 'zero points',
      inputs: [bytes(7, 16), fed(ints([1, 6, 0], [3])), scales(7, 2), bytes(7, 1)],
      attributes: { block_size: 16, bits: 4, quantize_axis: 1 },
    },
  ],
})
