import { microsoftQFused } from '../../../src/ops/microsoft/qfused.js'
import { as, checkFamily, constant, fed, floats, ints, signed, type Operand } from '../harness.js'

const levels = (dtype: 'uint8' | 'int8', ...shape: number[]): Operand => {
  const size = shape.reduce((a, b) => a * b)
  const low = dtype === 'int8' ? -128 : 0
  return as(
    dtype,
    fed(
      ints(
        Array.from({ length: size }, (_, i) => ((i * 89 + 37) % 256) + low),
        shape,
      ),
    ),
  )
}
const scale = (x: number): Operand => constant(floats([], [x]))
const zero = (x: number, dtype: 'uint8' | 'int8' = 'uint8'): Operand => as(dtype, ints([x], []))
const notDifferentiated = 'integers'

checkFamily(microsoftQFused, {
  'com.microsoft::QAttention': [
    {
      about: 'masked',
      inputs: [
        levels('uint8', 2, 3, 4),
        levels('uint8', 4, 24),
        signed(24),
        scale(0.01),
        scale(0.01),
        as('int32', fed(ints([3, 2]))),
        zero(120),
        zero(128),
      ],
      attributes: { num_heads: 2 },
      tolerance: 1e-4,
      notDifferentiated,
    },
    {
      about: 'causal',
      inputs: [
        levels('uint8', 2, 3, 4),
        levels('uint8', 4, 24),
        signed(24),
        scale(0.01),
        scale(0.01),
        null,
        zero(120),
        zero(128),
      ],
      attributes: { num_heads: 2, unidirectional: 1 },
      tolerance: 1e-4,
      notDifferentiated,
    },
  ],
  'com.microsoft::QEmbedLayerNormalization': [
    {
      inputs: [
        as('int32', ints([1, 0, 2, 2, 1, 0], [2, 3])),
        as('int32', ints([0, 0, 1, 0, 1, 1], [2, 3])),
        levels('uint8', 3, 8),
        levels('uint8', 4, 8),
        levels('uint8', 2, 8),
        levels('uint8', 8),
        levels('uint8', 8),
        as('int32', ints([1, 1, 0, 1, 1, 1], [2, 3])),
        ...[0.02, 0.03, 0.01, 0.01, 0.02].map(scale),
        ...[120, 130, 110, 100, 125].map((z) => zero(z)),
      ],
      outputs: 2,
      tolerance: 1e-4,
      notDifferentiated,
      notSymbolic: 'the runtime wants tables of static sizes',
    },
  ],
  'com.microsoft::QLinearConv': [
    {
      about: 'channels first',
      inputs: [
        levels('uint8', 1, 2, 4, 4),
        scale(0.02),
        zero(120),
        levels('int8', 3, 2, 2, 2),
        scale(0.01),
        zero(0, 'int8'),
        scale(0.05),
        zero(110),
      ],
      notDifferentiated,
    },
    {
      about: 'channels last',
      inputs: [
        levels('uint8', 1, 4, 4, 2),
        scale(0.02),
        zero(120),
        levels('int8', 3, 2, 2, 2),
        scale(0.01),
        zero(0, 'int8'),
        scale(0.05),
        zero(110),
      ],
      attributes: { channels_last: 1 },
      notDifferentiated,
    },
  ],
})
