import { reshape } from '../../src/ops/reshape.js'
import { checkFamily, fed, ints, signed } from './harness.js'

const x = signed(2, 3, 4)

/** The simplify pass merges such reshapes. */
const FUSION = 'its optimizer fails on a Reshape of a computed shape before one of a static shape'

checkFamily(reshape, {
  Reshape: [
    { inputs: [x, ints([4, 6])] },
    { about: 'copied and inferred dimensions', inputs: [x, ints([0, -1])] },
    { about: 'inferred first', inputs: [x, ints([-1, 2, 2])] },
    { about: 'one element', inputs: [signed(1), ints([], [0])] },
    { about: 'of a scalar', inputs: [signed(), ints([1, -1])] },
    { about: 'a fed target', inputs: [x, fed(ints([24]))], notInRuntime: FUSION },
    { about: 'zero elements', inputs: [signed(0, 3), ints([3, 0])], attributes: { allowzero: 1 } },
    { about: 'known integers', inputs: [ints([1, 2, 3, 4]), ints([2, -1])] },
  ],
  Flatten: [
    { inputs: [x] },
    { about: 'axis 0', inputs: [x], attributes: { axis: 0 } },
    { about: 'negative axis', inputs: [x], attributes: { axis: -1 } },
    { about: 'axis at the end', inputs: [x], attributes: { axis: 3 } },
  ],
  Squeeze: [
    { about: 'all ones', inputs: [signed(1, 3, 1, 2)] },
    { about: 'given axes', inputs: [signed(1, 3, 1, 2), ints([-2])] },
    { about: 'to a scalar', inputs: [signed(1), ints([0])] },
    { about: 'known integers', inputs: [ints([5]), ints([0])] },
  ],
  Unsqueeze: [
    { inputs: [x, ints([0])] },
    { about: 'negative axes of the result', inputs: [x, ints([-1, 1])] },
    { about: 'of a scalar', inputs: [signed(), ints([0, 1])] },
    { about: 'fed axes', inputs: [x, fed(ints([3]))], notInRuntime: FUSION },
    { about: 'known integers', inputs: [ints([5], []), ints([0])] },
  ],
  Identity: [{ inputs: [x] }, { about: 'known integers', inputs: [ints([5, 6])] }],
})
