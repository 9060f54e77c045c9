import { shape } from '../../src/ops/shape.js'
import { Tensor } from '../../src/tensor.js'
import { checkFamily, constant, fed, floats, ints, signed } from './harness.js'

const tensor = (value: Tensor) => ({ type: 'tensor' as const, value })

checkFamily(shape, {
  Shape: [
    { inputs: [signed(3, 5, 2)] },
    { about: 'of a scalar', inputs: [signed()] },
    { about: 'a range of axes', inputs: [signed(3, 5, 2)], attributes: { start: 1, end: -1 } },
    { about: 'an empty range', inputs: [signed(3, 5, 2)], attributes: { start: 2, end: 1 } },
    { about: 'axes beyond the rank', inputs: [signed(3, 5)], attributes: { start: -7, end: 9 } },
  ],
  Size: [
    { inputs: [signed(3, 5, 2)] },
    { about: 'of an empty tensor', inputs: [signed(3, 0)] },
    { inputs: [signed()] },
  ],
  Range: [
    { about: 'known bounds', inputs: [ints([2], []), ints([9], []), ints([3], [])] },
    { about: 'downwards', inputs: [ints([9], []), ints([1], []), ints([-3], [])] },
    { about: 'empty', inputs: [ints([9], []), ints([1], []), ints([3], [])] },
    { about: 'fed bounds', inputs: [fed(ints([-2], [])), fed(ints([7], [])), fed(ints([2], []))] },
    {
      about: 'floats',
      inputs: [floats([], [0.5]), floats([], [3.1]), floats([], [0.7])],
      notInFloat16: 'no kernel',
    },
    {
      about: 'constant floats',
      inputs: [0.5, 3.1, 0.7].map((x) => constant(floats([], [x]))),
      notInFloat16: 'no kernel',
    },
  ],
  ConstantOfShape: [
    { about: 'zeros by default', inputs: [ints([2, 3])] },
    {
      about: 'integers',
      inputs: [ints([2, 3])],
      attributes: { value: tensor(Tensor.of('int64', [1], [-1])) },
    },
    { about: 'a fed shape', inputs: [fed(ints([3]))] },
    { about: 'a scalar', inputs: [ints([], [0])] },
  ],
  EyeLike: [
    { inputs: [signed(3, 5)] },
    { about: 'shifted, of another type', inputs: [signed(4, 3)], attributes: { k: -1, dtype: 11 } },
  ],
})
