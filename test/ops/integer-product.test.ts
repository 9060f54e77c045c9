import { integerProduct } from '../../src/ops/integer-product.js'
import { checkFamily, constant, fed, floats, ints, type Operand } from './harness.js'

/** Reproducible uint8 numbers around 128. */
function bytes(...shape: number[]): Operand {
  const size = shape.reduce((n, d) => n * d, 1)
  return fed(
    ints(
      Array.from({ length: size }, (_, i) => 100 + ((i * 37) % 61)),
      shape,
      'uint8',
    ),
  )
}

const zero = (data: number[], shape: number[] = []) => ints(data, shape, 'uint8')
const scale = (data: number[], shape: number[] = []) => constant(floats(shape, data))
const bias = ints([20, -30, 10], [3], 'int32')

checkFamily(integerProduct, {
  MatMulInteger: [
    { about: 'no zero points', inputs: [bytes(2, 3), bytes(3, 4)] },
    { about: 'zero points', inputs: [bytes(2, 3), bytes(3, 4), zero([128]), zero([120])] },
    {
      about: 'zero points a column',
      inputs: [bytes(2, 2, 3), bytes(3, 2), zero([128]), zero([120, 130], [2])],
    },
  ],
  ConvInteger: [
    { about: 'no zero points', inputs: [bytes(1, 2, 5), bytes(3, 2, 2)] },
    {
      about: 'zero point and pads',
      inputs: [bytes(1, 2, 5, 4), bytes(3, 2, 2, 2), zero([128])],
      attributes: { pads: [1, 1, 1, 1] },
    },
  ],
  QLinearMatMul: [
    {
      inputs: [
        ...[bytes(2, 3), scale([0.1]), zero([128])],
        ...[bytes(3, 4), scale([0.2]), zero([120])],
        ...[scale([2.13]), zero([110])],
      ],
    },
  ],
  QLinearConv: [
    {
      inputs: [
        ...[bytes(1, 2, 5, 4), scale([0.1]), zero([128])],
        ...[bytes(3, 2, 2, 2), scale([0.2]), zero([120])],
        ...[scale([2.13]), zero([110])],
        bias,
      ],
      attributes: { strides: [2, 1] },
    },
  ],
})
