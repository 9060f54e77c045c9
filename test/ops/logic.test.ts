import { logic } from '../../src/ops/logic.js'
import { as, bools, checkFamily, fed, floats, ints, signed, type Sample } from './harness.js'

const x = signed(3, 5)
const y = { ...signed(5), data: x.data.slice(0, 5) }
const special = floats([5], [NaN, Infinity, -Infinity, 0, 1])

const comparison: Sample[] = [
  { inputs: [x, y] },
  { about: 'known integers', inputs: [ints([1, 2, 3]), ints([2])] },
  { about: 'integers', inputs: [fed(ints([1, 2, 3])), ints([2])] },
]

const logical: Sample[] = [
  { inputs: [bools([2, 2], [0, 1, 1, 0]), bools([2], [0, 1])] },
  { about: 'known', inputs: [as('bool', ints([0, 1])), as('bool', ints([1]))] },
]

const bitwise: Sample[] = [
  { inputs: [as('int32', fed(ints([5, -6, 7]))), as('int32', ints([3]))] },
  { about: 'unsigned bytes', inputs: [as('uint8', fed(ints([5, 255]))), as('uint8', ints([170]))] },
]

const shift = (direction: string): Sample => ({
  about: direction,
  inputs: [as('uint8', fed(ints([5, 255, 64]))), as('uint8', ints([1, 2, 3]))],
  attributes: { direction },
})

checkFamily(logic, {
  Equal: comparison,
  Greater: comparison,
  GreaterOrEqual: comparison,
  Less: comparison,
  LessOrEqual: comparison,
  And: logical,
  Or: logical,
  Xor: logical,
  Not: [{ inputs: [bools([3], [0, 1, 1])] }, { about: 'known', inputs: [as('bool', ints([0, 1]))] }],
  BitwiseAnd: bitwise,
  BitwiseOr: bitwise,
  BitwiseXor: bitwise,
  BitwiseNot: [{ inputs: [as('int32', fed(ints([5, -6])))] }, { inputs: [as('uint8', fed(ints([5, 255])))] }],
  BitShift: [shift('LEFT'), shift('RIGHT')],
  IsNaN: [{ inputs: [special] }],
  IsInf: [
    { inputs: [special] },
    { about: 'positive only', inputs: [special], attributes: { detect_negative: 0 } },
    { about: 'negative only', inputs: [special], attributes: { detect_positive: 0 } },
  ],
})
