import { deformable } from '../../src/ops/deformable.js'
import { checkFamily, signed, uniform, type Sample } from './harness.js'

const offsets = (...shape: number[]) => uniform(-1.4, 1.4, ...shape)
const sample = (about: string, s: Omit<Sample, 'about'>): Sample => ({
  about,
  ...s,
  notInFloat16: 'no kernel',
  notSymbolic: 'the kernel has to be of known size',
})

checkFamily(deformable, {
  DeformConv: [
    sample('plain', { inputs: [signed(1, 1, 4, 5), signed(2, 1, 2, 2), offsets(1, 8, 3, 4)] }),
    sample('bias, mask, padding', {
      inputs: [
        signed(1, 2, 3, 3),
        signed(1, 2, 2, 2),
        offsets(1, 8, 4, 4),
        signed(1),
        uniform(0, 1, 1, 4, 4, 4),
      ],
      attributes: { pads: [1, 1, 1, 1] },
    }),
    sample('strides, dilations', {
      inputs: [signed(2, 1, 6, 5), signed(1, 1, 2, 2), offsets(2, 8, 2, 3)],
      attributes: { strides: [2, 1], dilations: [3, 2] },
    }),
    sample('groups of both kinds', {
      inputs: [signed(1, 4, 3, 3), signed(2, 2, 2, 2), offsets(1, 16, 2, 2)],
      attributes: { group: 2, offset_group: 2 },
    }),
  ],
})
