import { microsoftDropout } from '../../../src/ops/microsoft/dropout.js'
import { bools, checkFamily, constant, floats, signed } from '../harness.js'

const [x, bias, residual] = [signed(2, 3), signed(3), signed(2, 3)]
const [ratio, training, inference] = [floats([], [0.4]), bools([], [1]), bools([], [0])].map(constant)
const sums = x.data.map((v, i) => v + bias.data[i % 3]! + residual.data[i]!)
const ones = new Array<number>(6).fill(1)
const random = 'the mask is random'

checkFamily(microsoftDropout, {
  'com.microsoft::BiasDropout': [
    {
      about: 'inference',
      inputs: [x, bias, residual, ratio!, inference!],
      outputs: 2,
      expected: [sums, ones],
    },
    { about: 'training', inputs: [x, bias, residual, ratio!, training!], notInRuntime: random },
    {
      about: 'no residual',
      inputs: [x, bias, null],
      expected: [x.data.map((v, i) => v + bias.data[i % 3]!)],
    },
  ],
  'com.microsoft::BitmaskDropout': [
    { about: 'inference', inputs: [x], expected: [x.data] },
    { about: 'training', inputs: [x, ratio!, training!], notInRuntime: random },
  ],
  'com.microsoft::BitmaskBiasDropout': [
    { about: 'inference', inputs: [x, bias, residual], expected: [sums] },
    { about: 'training', inputs: [x, bias, residual, ratio!, training!], notInRuntime: random },
  ],
})
