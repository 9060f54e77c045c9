import { pad } from '../../src/ops/pad.js'
import { checkFamily, constant, fed, floats, ints, signed } from './harness.js'

const x = signed(3, 4)

const repeating = (mode: string) => [
  { about: mode, inputs: [x, ints([1, 2, 2, 3])], attributes: { mode } },
  { about: `${mode}, one axis`, inputs: [x, ints([0, 3]), null, ints([-1])], attributes: { mode } },
]

checkFamily(pad, {
  Pad: [
    { about: 'zeros', inputs: [x, ints([1, 0, 2, 3])] },
    { about: 'a value', inputs: [x, ints([0, 1, 1, 0]), constant(floats([], [7.5]))] },
    { about: 'a fed value', inputs: [x, ints([0, 1, 1, 0]), floats([], [7.5])] },
    { about: 'some axes', inputs: [signed(2, 3, 4), ints([1, 2, 0, 1]), null, ints([-1, 0])] },
    { about: 'cropping', inputs: [x, ints([-1, 2, 0, -1])] },
    { about: 'fed amounts', inputs: [x, fed(ints([1, 0, -1, 3]))] },
    { about: 'nothing', inputs: [x, ints([0, 0, 0, 0])] },
    ...repeating('edge'),
    ...repeating('reflect'),
    ...repeating('wrap'),
    { about: 'known integers', inputs: [ints([1, 2]), ints([1, 1]), ints([9], [])] },
  ],
})
