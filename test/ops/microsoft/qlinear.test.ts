import { float } from '../../../src/builder.js'
import { microsoftQLinear } from '../../../src/ops/microsoft/qlinear.js'
import {
  as,
  bools,
  checkFamily,
  constant,
  fed,
  floats,
  ints,
  signed,
  type Operand,
  type Sample,
} from '../harness.js'

/** Levels that spread over the range of the type. */
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
/** A grid of uint8. */
const grid = (s: number, z: number): Operand[] => [scale(s), zero(z)]
const [a, c] = [levels('uint8', 2, 3), levels('uint8', 2, 3)]
const image = levels('uint8', 1, 2, 4, 4)
const integers: Partial<Sample> = { notDifferentiated: 'integers' }

checkFamily(microsoftQLinear, {
  'com.microsoft::QLinearAdd': [
    { inputs: [a, ...grid(0.02, 100), c, ...grid(0.03, 120), ...grid(0.05, 110)], ...integers },
    {
      about: 'broadcast',
      inputs: [a, ...grid(0.02, 100), levels('uint8', 3), ...grid(0.03, 120), ...grid(0.05, 110)],
      ...integers,
    },
  ],
  'com.microsoft::QLinearMul': [
    { inputs: [a, ...grid(0.02, 100), c, ...grid(0.03, 120), ...grid(0.05, 110)], ...integers },
  ],
  'com.microsoft::QLinearSigmoid': [{ inputs: [a, ...grid(0.03, 120), ...grid(0.004, 0)], ...integers }],
  'com.microsoft::QLinearLeakyRelu': [
    { inputs: [a, ...grid(0.03, 120), ...grid(0.02, 60)], attributes: { alpha: float(0.2) }, ...integers },
  ],
  'com.microsoft::QLinearSoftmax': [
    {
      inputs: [a, ...grid(0.03, 120), ...grid(0.004, 0)],
      attributes: { axis: -1, opset: 13 },
      // The kernel sums exponentials of a table, which moves some results by one level.
      tolerance: 1.01 / 200,
      ...integers,
    },
  ],
  'com.microsoft::QLinearAveragePool': [
    {
      inputs: [image, ...grid(0.03, 120), ...grid(0.03, 120)],
      attributes: { kernel_shape: [2, 2], strides: [2, 2] },
      ...integers,
    },
    {
      about: 'channels last',
      inputs: [levels('uint8', 1, 4, 4, 2), ...grid(0.03, 120), ...grid(0.03, 120)],
      attributes: { kernel_shape: [3, 3], channels_last: 1 },
      ...integers,
    },
  ],
  'com.microsoft::QLinearGlobalAveragePool': [
    {
      inputs: [image, ...grid(0.03, 120), ...grid(0.02, 110)],
      attributes: { channels_last: 0 },
      ...integers,
    },
    {
      about: 'channels last',
      inputs: [image, ...grid(0.03, 120), ...grid(0.02, 110)],
      attributes: { channels_last: 1 },
      ...integers,
    },
  ],
  'com.microsoft::QLinearReduceMean': [
    {
      inputs: [as('uint8', fed(ints([10, 20, 30, 40, 50, 63], [2, 3]))), ...grid(0.5, 10), ...grid(0.25, 5)],
      attributes: { axes: [1], keepdims: 0 },
      // ((10, 20, 30) − 10)/2 has mean 5, ((40, 50, 63) − 10)/2 has 20.5: over ¼ and 5 on top.
      expected: [[25, 87]],
      ...integers,
    },
  ],
  'com.microsoft::QLinearConcat': [
    {
      inputs: [...grid(0.05, 110), a, ...grid(0.02, 100), c, ...grid(0.03, 120)],
      attributes: { axis: 0 },
      ...integers,
    },
  ],
  'com.microsoft::QLinearWhere': [
    {
      inputs: [
        bools([2, 3], [1, 0, 1, 1, 0, 0]),
        a,
        ...grid(0.02, 100),
        c,
        ...grid(0.03, 120),
        ...grid(0.05, 110),
      ],
      ...integers,
    },
  ],
  'com.microsoft::QGemm': [
    {
      about: 'float result',
      inputs: [
        levels('uint8', 2, 3),
        ...grid(0.02, 120),
        levels('int8', 4, 3),
        scale(0.03),
        zero(3, 'int8'),
        as('int32', ints([100, -50, 30, 7])),
      ],
      attributes: { transB: 1, alpha: float(1) },
      ...integers,
    },
    {
      about: 'quantised result',
      inputs: [
        levels('uint8', 2, 3),
        ...grid(0.02, 120),
        levels('uint8', 3, 4),
        ...grid(0.03, 110),
        as('int32', ints([100, -50, 30, 7])),
        ...grid(0.1, 128),
      ],
      attributes: { alpha: float(1) },
      ...integers,
    },
  ],
  'com.microsoft::DynamicQuantizeMatMul': [
    {
      about: 'bias',
      inputs: [signed(2, 3), levels('uint8', 3, 4), scale(0.03), zero(110), signed(4)],
      tolerance: 1e-4,
      notInFloat16: 'no kernel',
      notDifferentiated: 'the rounding is passed by',
    },
  ],
  'com.microsoft::MatMulIntegerToFloat': [
    {
      inputs: [
        levels('uint8', 2, 3),
        levels('int8', 3, 4),
        scale(0.02),
        scale(0.03),
        zero(120),
        zero(3, 'int8'),
        signed(4),
      ],
      tolerance: 1e-4,
      ...integers,
    },
  ],
})
