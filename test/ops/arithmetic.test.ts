import { arithmetic } from '../../src/ops/arithmetic.js'
import {
  checkFamily,
  constant,
  fed,
  floats,
  ints,
  positive,
  signed,
  uniform,
  type Sample,
} from './harness.js'

const x = signed(3, 5)

/** What every broadcasting operator of two operands must stand. */
function binary(make: (...shape: number[]) => ReturnType<typeof signed>): Sample[] {
  const shared = make(2, 3)
  return [
    { about: 'same shapes', inputs: [make(2, 3), make(2, 3)] },
    { about: 'broadcast to the left', inputs: [make(7, 3, 5), make(3, 1)] },
    { about: 'broadcast to the right', inputs: [make(5), make(3, 1, 5)] },
    { about: 'both broadcast', inputs: [make(2, 1, 4), make(3, 1)] },
    { about: 'scalars', inputs: [make(), make(1, 2)] },
    { about: 'shared operand', inputs: [shared, shared] },
  ]
}

const integers = [
  { about: 'known integers', inputs: [ints([7, 12, 9]), ints([2])] },
  { about: 'integers', inputs: [fed(ints([7, -7, 9])), fed(ints([2, 2, -4]))] },
]

checkFamily(arithmetic, {
  Add: [...binary(signed), ...integers],
  Sub: [...binary(signed), ...integers],
  Mul: [...binary(signed), ...integers],
  Div: [...binary(positive), ...integers],
  Mod: [
    { about: 'fmod', inputs: [uniform(-9, 9, 2, 5), positive(5)], attributes: { fmod: 1 } },
    { about: 'known integers', inputs: [ints([7, 12, -9]), ints([4])] },
    { about: 'sign of the divisor', inputs: [fed(ints([7, -7, 9])), fed(ints([2, 4, -4]))] },
  ],
  Neg: [{ inputs: [x] }, { about: 'known integers', inputs: [ints([3, -2])] }],
  Abs: [
    { inputs: [x] },
    { about: 'known integers', inputs: [ints([3, -2])] },
    { about: 'zero', inputs: [floats([2], [0, 1])], notDifferentiated: 'kink at 0' },
  ],
  Sign: [{ inputs: [x] }, { about: 'integers', inputs: [fed(ints([3, -2, 0]))] }],
  Floor: [{ inputs: [x] }],
  Ceil: [{ inputs: [x] }],
  Round: [
    { inputs: [x] },
    {
      about: 'halves',
      inputs: [floats([7], [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 2.7])],
      notDifferentiated: 'jump',
    },
  ],
  Exp: [{ inputs: [x] }],
  Log: [{ inputs: [positive(3, 4)] }],
  Sqrt: [
    { inputs: [positive(3, 4)] },
    { about: 'zero', inputs: [floats([2], [0, 1])], notDifferentiated: 'infinite slope' },
  ],
  Reciprocal: [{ inputs: [positive(3, 4)] }],
  Pow: [
    ...binary(positive),
    ...[0, 1, 2, 3, 0.5, -1, -0.5, 4].map((p) => ({
      about: `constant exponent ${p}`,
      inputs: [positive(2, 3), constant(floats([], [p]))],
    })),
    ...[0, 1, 2, 3, 4].map((p) => ({
      about: `constant exponent ${p} at zero and below`,
      inputs: [floats([3], [0, -1, 2]), constant(floats([], [p]))],
    })),
    { about: 'integer exponent', inputs: [positive(2, 3), constant(ints([2], []))] },
    { about: 'integer exponent, fed', inputs: [floats([3], [-1, 0.5, 2]), fed(ints([2, 0, 3]))] },
    { about: 'exponent zero at zero', inputs: [floats([2], [0, 2]), constant(floats([2], [0, 2]))] },
    { about: 'known integers', inputs: [ints([3, 2]), ints([2])] },
  ],
  Max: [
    ...binary(signed).slice(0, 5),
    { about: 'one', inputs: [x] },
    { about: 'three', inputs: [signed(2, 3), signed(3), signed(2, 1)] },
    { about: 'known integers', inputs: [ints([7, 1]), ints([3])] },
  ],
  Min: [
    ...binary(signed).slice(0, 5),
    { about: 'one', inputs: [x] },
    { about: 'three', inputs: [signed(2, 3), signed(3), signed(2, 1)] },
    { about: 'known integers', inputs: [ints([7, 1]), ints([3])] },
  ],
  Sum: [
    ...binary(signed),
    { about: 'one', inputs: [x] },
    { about: 'three', inputs: [signed(2, 3), signed(3), signed(2, 1)] },
  ],
  Mean: [
    ...binary(signed),
    { about: 'one', inputs: [x] },
    { about: 'three', inputs: [signed(2, 3), signed(3), signed(2, 1)] },
  ],
  Clip: [
    { about: 'constant bounds', inputs: [x, constant(floats([], [-0.7])), constant(floats([], [0.9]))] },
    { about: 'fed bounds', inputs: [x, floats([], [-0.7]), floats([], [0.9])] },
    { about: 'lower bound above the upper one', inputs: [x, floats([], [0.9]), floats([], [-0.7])] },
    { about: 'upper bound only', inputs: [x, null, constant(floats([], [0.4]))] },
    { about: 'no bounds', inputs: [x] },
    { about: 'known integers', inputs: [ints([-3, 0, 5, 9]), ints([0], []), ints([7], [])] },
    { about: 'known integers, upper bound only', inputs: [ints([-3, 9]), null, ints([7], [])] },
  ],
})
