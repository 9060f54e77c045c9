import { trigonometry } from '../../src/ops/trigonometry.js'
import { checkFamily, uniform } from './harness.js'

const samples = (low: number, high: number) => [
  { inputs: [uniform(low, high, 3, 5)] },
  { about: 'scalar', inputs: [uniform(low, high)] },
]

checkFamily(trigonometry, {
  Sin: samples(-4, 4),
  Cos: samples(-4, 4),
  Tan: samples(-1.4, 1.4),
  Asin: samples(-0.9, 0.9),
  Acos: samples(-0.9, 0.9),
  Atan: samples(-3, 3),
  Sinh: samples(-2, 2),
  Cosh: samples(-2, 2),
  Tanh: samples(-3, 3),
  Asinh: samples(-3, 3),
  Acosh: samples(1.1, 4),
  Atanh: samples(-0.9, 0.9),
})
