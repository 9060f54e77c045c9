import { gelu } from '../../src/ops/gelu.js'
import { checkFamily, floats, signed, uniform } from './harness.js'

const x = uniform(-5, 5, 3, 7)
const plain = { inputs: [x] }
const large = { about: 'large', inputs: [floats([7], [-90, -30, -10, 0, 10, 30, 90])] }
const tanh = { attributes: { approximate: 'tanh' } }

checkFamily(gelu, {
  Erf: [plain, large],
  Gelu: [plain, large, { ...plain, ...tanh, about: 'tanh' }, { ...large, ...tanh, about: 'tanh, large' }],
  'com.microsoft::Gelu': [plain, large],
  'com.microsoft::BiasGelu': [{ inputs: [x, signed(7)] }],
  'com.microsoft::FastGelu': [plain, { about: 'bias', inputs: [x, signed(7)] }],
})
