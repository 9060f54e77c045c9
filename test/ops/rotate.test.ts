import { rotate } from '../../src/ops/rotate.js'
import { checkFamily, constant, signed } from './harness.js'

const x = signed(2, 3, 5, 4)

checkFamily(rotate, {
  'com.dropbp::Rotary': [
    { about: 'forward', inputs: [x, signed(5, 4), signed(5, 4)] },
    { about: 'back', inputs: [x, signed(5, 4), signed(5, 4)], attributes: { transposed: 1 } },
    { about: 'a table a batch', inputs: [x, constant(signed(2, 1, 5, 4)), constant(signed(2, 1, 5, 4))] },
  ],
})
