import { float } from '../../../src/builder.js'
import { microsoftExperts } from '../../../src/ops/microsoft/experts.js'
import {
  as,
  checkFamily,
  constant,
  differentiateOnly,
  ints,
  positive,
  signed,
  type Operand,
} from '../harness.js'

/** 4 tokens of 8, 3 experts of 6. */
const x = signed(4, 8)
const logits = signed(4, 3)
const [fc1, bias1] = [signed(3, 6, 8), signed(3, 6)]
const [fc2, bias2] = [signed(3, 8, 6), signed(3, 8)]
const wide = [signed(3, 12, 8), signed(3, 12)]
const float16 = { notInFloat16: 'no kernel', tolerance: 1e-4 }

const bytes = (...shape: number[]): Operand => {
  const size = shape.reduce((a, b) => a * b)
  return as(
    'uint8',
    ints(
      Array.from({ length: size }, (_, i) => (i * 73 + 41) % 256),
      shape,
    ),
  )
}
const scales = (...shape: number[]): Operand => constant(positive(...shape))
/** Weights of QMoE: 16 columns, so that a row is whole blocks. */
const y = signed(4, 16)
const quantized = (bits: number): (Operand | null)[] => [
  y,
  logits,
  bytes(3, 32, (16 * bits) / 8),
  scales(3, 32),
  signed(3, 32),
  bytes(3, 16, (16 * bits) / 8),
  scales(3, 16),
  signed(3, 16),
]

checkFamily(microsoftExperts, {
  'com.microsoft::MoE': differentiateOnly(
    ['top 1', 'swiglu, neighbours'],
    [
      { about: 'top 1', inputs: [x, logits, fc1, null, fc2], attributes: { k: 1 }, ...float16 },
      {
        about: 'top 2, weights normalised, GELU, biases',
        inputs: [x, logits, fc1, bias1, fc2, bias2],
        attributes: { k: 2, normalize_routing_weights: 1, activation_type: 'gelu' },
        ...float16,
      },
      {
        about: 'SiLU, a batch of sequences',
        inputs: [{ ...x, shape: [2, 2, 8] }, logits, fc1, bias1, fc2, bias2],
        attributes: { k: 2, activation_type: 'silu' },
        ...float16,
      },
      {
        about: 'swiglu, neighbours',
        inputs: [x, logits, wide[0]!, wide[1]!, fc2, bias2],
        attributes: {
          k: 2,
          activation_type: 'swiglu',
          swiglu_fusion: 1,
          swiglu_limit: float(1.5),
          activation_alpha: float(1.7),
          activation_beta: float(1),
          normalize_routing_weights: 1,
        },
        ...float16,
      },
    ],
  ),
  'com.microsoft::QMoE': differentiateOnly(
    ['4 bits'],
    [
      {
        about: '4 bits',
        inputs: quantized(4),
        attributes: {
          k: 2,
          expert_weight_bits: 4,
          activation_type: 'swiglu',
          swiglu_fusion: 1,
          activation_alpha: float(1),
          normalize_routing_weights: 1,
        },
        ...float16,
      },
      {
        about: '8 bits',
        inputs: quantized(8),
        attributes: {
          k: 1,
          expert_weight_bits: 8,
          activation_type: 'swiglu',
          swiglu_fusion: 1,
          activation_alpha: float(1),
          normalize_routing_weights: 1,
        },
        ...float16,
      },
    ],
  ),
})
