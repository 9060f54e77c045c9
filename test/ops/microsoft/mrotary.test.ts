import { microsoftMRotary } from '../../../src/ops/microsoft/mrotary.js'
import { checkFamily, constant, ints, signed } from '../harness.js'

/** Two sequences of 3 tokens, each with three positions below 6; heads of 12, 6 pairs. */
const positions = ints([0, 1, 2, 3, 4, 5, 1, 3, 5, 0, 2, 4, 5, 5, 1, 2, 0, 3], [3, 2, 3])
const tables = [constant(signed(6, 6)), constant(signed(6, 6))]
const float16 = { notInFloat16: 'no kernel', notSymbolic: 'positions are three' }

checkFamily(microsoftMRotary, {
  'com.microsoft::MRotaryEmbedding': [
    {
      about: 'sections',
      inputs: [signed(2, 2, 3, 12), positions, ...tables],
      attributes: { mrope_section: [2, 1, 3] },
      ...float16,
    },
    {
      about: 'every third pair',
      inputs: [signed(2, 3, 24), positions, ...tables],
      attributes: { mrope_section: [3, 2, 1], mrope_layout: 1, num_heads: 2, rotary_embedding_dim: 12 },
      ...float16,
    },
    {
      about: 'neighbours are pairs',
      inputs: [signed(2, 2, 3, 12), positions, ...tables],
      attributes: { mrope_section: [2, 2, 2], interleaved: 1 },
      ...float16,
    },
  ],
})
