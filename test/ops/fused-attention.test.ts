import { float } from '../../src/builder.js'
import { fusedAttention } from '../../src/ops/attention/fused.js'
import {
  bools,
  checkFamily,
  constant,
  differentiateOnly,
  fed,
  floats,
  ints,
  signed,
  type Sample,
} from './harness.js'

const NONE = -Infinity

/** Self-attention of 2 sequences of 3, 2 heads of 4. */
const q = signed(2, 2, 3, 4)
const k = signed(2, 2, 3, 4)
const v = signed(2, 2, 3, 5)
const rows = { q_num_heads: 2, kv_num_heads: 2 }

const visible = bools([3, 3], [1, 0, 1, 0, 0, 0, 1, 1, 1])
const penalty = constant(
  floats([2, 1, 3, 3], [0, -1, NONE, NONE, NONE, NONE, 0, 0, 1, 0.5, 0, 0, 0, NONE, 2, 1, 1, 1]),
)

const base: Sample[] = [
  { about: 'four axes', inputs: [q, k, v] },
  { about: 'three axes', inputs: [signed(2, 3, 8), signed(2, 5, 8), signed(2, 5, 6)], attributes: rows },
  {
    about: 'cross-attention, own scale',
    inputs: [q, signed(2, 2, 5, 4), signed(2, 2, 5, 4)],
    attributes: { scale: float(0.3) },
  },
  { about: 'causal', inputs: [q, k, v], attributes: { is_causal: 1 } },
  {
    about: 'windows',
    inputs: [q, k, v],
    attributes: { left_window_size: 1, right_window_size: 0 },
    opset: 25,
    notInRuntime: 'it has no Attention of opset 25',
  },
  { about: 'a bool mask with an empty row', inputs: [q, k, v, visible] },
  { about: 'a float mask with an empty row', inputs: [q, k, v, penalty] },
  { about: 'a mask per head, fed', inputs: [q, k, v, signed(2, 3, 3)] },
  { about: 'causal and masked', inputs: [q, k, v, visible], attributes: { is_causal: 1 } },
  { about: 'causal with a float mask', inputs: [q, k, v, penalty], attributes: { is_causal: 1 } },
  { about: 'softcap', inputs: [q, k, v], attributes: { softcap: float(0.7) } },
  { about: 'grouped queries', inputs: [signed(2, 6, 3, 4), signed(2, 2, 5, 4), signed(2, 2, 5, 4)] },
  {
    about: 'one head of keys',
    inputs: [signed(2, 3, 12), signed(2, 5, 4), signed(2, 5, 4)],
    attributes: { q_num_heads: 3, kv_num_heads: 1 },
  },
  {
    about: 'past keys',
    inputs: [q, k, v, null, signed(2, 2, 2, 4), signed(2, 2, 2, 5)],
    attributes: { is_causal: 1 },
    outputs: 3,
  },
  {
    about: 'past keys, masked',
    inputs: [
      q,
      k,
      v,
      constant(bools([3, 5], [1, 1, 0, 1, 0, 0, 1, 1, 1, 0, 1, 0, 1, 0, 1])),
      signed(2, 2, 2, 4),
      signed(2, 2, 2, 5),
    ],
    outputs: 3,
  },
  {
    about: 'a short mask',
    inputs: [q, k, v, constant(bools([3, 2], [1, 1, 0, 1, 1, 0]))],
    notInRuntime: 'wants masks of full length',
  },
  ...[0, 1, 2, 3].map((mode) => ({
    about: `scores of mode ${mode}`,
    inputs: [q, k, v, constant(signed(3, 3))],
    attributes: { softcap: float(2), qk_matmul_output_mode: mode },
    outputs: 4,
  })),
]

checkFamily(fusedAttention, {
  Attention: differentiateOnly(
    ['four axes', 'a bool mask with an empty row', 'softcap', 'one head of keys', 'past keys'],
    [
      ...base.map((sample) => ({ ...sample, opset: 23 })),
      {
        about: 'keys of different number',
        inputs: [q, k, v, null, null, null, fed(ints([1, 3]))],
        opset: 24,
      },
      {
        about: 'an outside cache, causal',
        inputs: [q, signed(2, 2, 6, 4), signed(2, 2, 6, 4), null, null, null, fed(ints([4, 6]))],
        attributes: { is_causal: 1 },
        opset: 24,
      },
      { about: 'softmax in float64', inputs: [q, k, v], attributes: { softmax_precision: 11 }, opset: 23 },
    ],
  ),
})
