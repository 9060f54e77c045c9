import { cast } from '../../src/ops/cast.js'
import { as, bools, checkFamily, constant, fed, floats, ints, signed } from './harness.js'

const to = (code: number) => ({ attributes: { to: code } })

checkFamily(cast, {
  Cast: [
    { about: 'to float64', inputs: [signed(2, 3)], ...to(11) },
    { about: 'to the same type', inputs: [signed(2, 3)], ...to(1) },
    { about: 'to int64', inputs: [floats([4], [-1.7, 1.7, 0, 5])], ...to(7) },
    { about: 'to bool', inputs: [floats([3], [0, -0.5, 2])], ...to(9) },
    { about: 'from bool', inputs: [bools([2], [0, 1])], ...to(1) },
    { about: 'wrapping', inputs: [as('int32', fed(ints([300, -1])))], ...to(2) },
    { about: 'known integers', inputs: [ints([5, 6])], ...to(6) },
    { about: 'a constant float', inputs: [constant(floats([1], [3.9]))], ...to(7) },
  ],
  CastLike: [
    { inputs: [signed(2, 3), as('int32', ints([1]))] },
    { about: 'float', inputs: [signed(2, 3), signed(1)] },
  ],
  BitCast: [{ inputs: [signed(3)], ...to(6), notInRuntime: 'opset 26' }],
})
