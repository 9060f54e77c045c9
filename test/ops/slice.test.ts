import { slice } from '../../src/ops/slice.js'
import { checkFamily, fed, ints, signed, type Operand } from './harness.js'

const FAR = Number.MAX_SAFE_INTEGER

/** Operands of a Slice with constant bounds. */
function cut(x: Operand, starts: number[], ends: number[], axes?: number[], steps?: number[]) {
  return { inputs: [x, ints(starts), ints(ends), axes ? ints(axes) : null, steps ? ints(steps) : null] }
}

const x = signed(5, 7)

checkFamily(slice, {
  Slice: [
    { about: 'all axes', ...cut(x, [1, 2], [4, 5]) },
    { about: 'to the end', ...cut(x, [2], [FAR], [1]) },
    { about: 'but the last', ...cut(x, [0], [-1], [-1]) },
    { about: 'the last', ...cut(x, [-1], [FAR], [1]) },
    { about: 'the first', ...cut(x, [0], [1], [1]) },
    { about: 'everything', ...cut(x, [0], [FAR], [0]) },
    { about: 'bounds beyond the axis', ...cut(x, [-20], [20], [1]) },
    { about: 'nothing', ...cut(x, [4], [2], [1]) },
    { about: 'steps', ...cut(x, [1], [FAR], [1], [3]) },
    { about: 'a step that ends between elements', ...cut(x, [0], [6], [1], [4]) },
    { about: 'reversed', ...cut(x, [-1], [-FAR], [1], [-1]) },
    { about: 'negative steps', ...cut(x, [5, 4], [0, -FAR], [1, 0], [-2, -3]) },
    { about: 'a fed end', inputs: [x, ints([1]), fed(ints([4])), ints([1])] },
    {
      about: 'fed bounds, negative',
      inputs: [x, fed(ints([-2, 3])), fed(ints([-FAR, 9])), ints([1, 0]), ints([-2, 1])],
    },
    { about: 'an empty axis', ...cut(signed(0, 3), [-1], [-FAR], [0], [-1]) },
    { about: 'known integers', ...cut(ints([1, 2, 3, 4, 5]), [-1], [0], [0], [-2]) },
  ],
  CenterCropPad: [
    { about: 'cropped', inputs: [signed(5, 6), ints([2, 3])] },
    { about: 'padded', inputs: [signed(2, 3), ints([5, 6])] },
    { about: 'both, some axes', inputs: [signed(5, 4, 2), ints([2, 5])], attributes: { axes: [-3, 2] } },
    { about: 'a fed size', inputs: [signed(5, 4), fed(ints([8]))], attributes: { axes: [1] } },
  ],
})
