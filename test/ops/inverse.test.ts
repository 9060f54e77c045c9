import { inverse } from '../../src/ops/inverse.js'
import { checkFamily, floats } from './harness.js'

checkFamily(inverse, {
  'com.microsoft::Inverse': [
    { about: 'one matrix', inputs: [floats([3, 3], [3, 1, -1, 0.5, 2, 0, -1, 1, 4])] },
    { about: 'a batch', inputs: [floats([2, 2, 2], [2, 1, 1, 3, -1, 0.5, 2, 4])] },
  ],
})
