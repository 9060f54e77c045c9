import { gridSample } from '../../src/ops/grid-sample.js'
import { checkFamily, differentiateOnly, ints, signed, uniform, type Sample } from './harness.js'

const x = signed(2, 1, 3, 4)
const grid = uniform(-1.3, 1.3, 2, 2, 2, 2)
const volume = signed(1, 1, 2, 3, 4)
const points = uniform(-1.2, 1.2, 1, 1, 2, 2, 3)

const sample = (mode: string, padding_mode: string, align_corners: number): Sample => ({
  about: `${mode}, ${padding_mode}${align_corners ? ', aligned' : ''}`,
  inputs: [x, grid],
  attributes: { mode, padding_mode, align_corners },
  notInFloat16: 'no kernel',
})

const paddings = ['zeros', 'border', 'reflection']

checkFamily(gridSample, {
  GridSample: differentiateOnly(
    ['linear, border', 'linear, reflection, aligned', 'nearest, zeros', 'cubic, zeros', 'a volume, zeros'],
    [
      ...['linear', 'nearest', 'cubic'].flatMap((mode) =>
        paddings.flatMap((p) => [sample(mode, p, 0), sample(mode, p, 1)]),
      ),
      ...paddings.map((p) => ({
        ...sample('linear', p, 0),
        about: `a volume, ${p}`,
        inputs: [volume, points],
      })),
    ],
  ),
  AffineGrid: [
    { about: 'an image', inputs: [signed(2, 2, 3), ints([2, 3, 4, 5])], notInFloat16: 'no kernel' },
    {
      about: 'aligned',
      inputs: [signed(2, 2, 3), ints([2, 3, 4, 5])],
      attributes: { align_corners: 1 },
      notInFloat16: 'no kernel',
    },
    { about: 'a volume', inputs: [signed(2, 3, 4), ints([2, 3, 2, 4, 5])], notInFloat16: 'no kernel' },
  ],
})
