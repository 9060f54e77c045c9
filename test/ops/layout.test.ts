import { layout } from '../../src/ops/layout.js'
import { checkFamily, fed, ints, signed } from './harness.js'

const x = signed(2, 3, 4)
const image = signed(2, 8, 3, 5)

checkFamily(layout, {
  Transpose: [
    { about: 'reversed by default', inputs: [x] },
    { inputs: [x], attributes: { perm: [1, 2, 0] } },
    { about: 'the last two', inputs: [signed(2, 3, 5, 7)], attributes: { perm: [0, 1, 3, 2] } },
    { about: 'of a scalar', inputs: [signed()] },
    { about: 'known integers', inputs: [ints([1, 2, 3, 4, 5, 6], [2, 3])] },
  ],
  Expand: [
    { inputs: [signed(3, 1), ints([2, 1, 4])] },
    { about: 'target dimensions of 1', inputs: [signed(2, 3), ints([1, 3])] },
    { about: 'of a scalar', inputs: [signed(), ints([2, 3])] },
    { about: 'to a lower rank', inputs: [signed(2, 3), ints([3])] },
    { about: 'a fed target', inputs: [signed(1), fed(ints([4]))] },
    { about: 'known integers', inputs: [ints([7]), ints([2, 3])] },
  ],
  Tile: [
    { inputs: [x, ints([1, 2, 3])] },
    { about: 'no repetition', inputs: [x, ints([1, 1, 1])] },
    { about: 'fed repeats', inputs: [signed(2, 3), fed(ints([2, 2]))] },
    { about: 'zero repeats', inputs: [signed(2, 3), ints([0, 2])] },
    { about: 'known integers', inputs: [ints([1, 2]), ints([3])] },
  ],
  Trilu: [
    { about: 'upper', inputs: [x] },
    { about: 'lower, shifted up', inputs: [x, ints([1], [])], attributes: { upper: 0 } },
    { about: 'upper, shifted down', inputs: [signed(5, 3), ints([-2], [])] },
    { about: 'nothing left', inputs: [signed(3, 3), fed(ints([9], []))] },
    { about: 'known integers', inputs: [ints([1, 2, 3, 4], [2, 2])] },
  ],
  DepthToSpace: [
    { about: 'DCR', inputs: [image], attributes: { blocksize: 2 } },
    { about: 'CRD', inputs: [image], attributes: { blocksize: 2, mode: 'CRD' } },
  ],
  SpaceToDepth: [{ inputs: [signed(2, 3, 4, 6)], attributes: { blocksize: 2 } }],
  ReverseSequence: [
    { inputs: [signed(5, 3), ints([1, 5, 3])] },
    {
      about: 'batch first',
      inputs: [signed(3, 5, 2), fed(ints([4, 1, 5]))],
      attributes: { batch_axis: 0, time_axis: 1 },
    },
  ],
})
