import { swiglu } from '../../src/ops/swiglu.js'
import { checkFamily, constant, signed, uniform } from './harness.js'

const g = uniform(-5, 5, 2, 3, 4)

checkFamily(swiglu, {
  'com.dropbp::SwiGLU': [
    { inputs: [g, signed(2, 3, 4)] },
    { about: 'frozen factor', inputs: [g, constant(signed(2, 3, 4))] },
    { about: 'shared operand', inputs: [g, g] },
  ],
})
