import { suppression } from '../../src/ops/suppression.js'
import { checkFamily, constant, floats, ints, uniform, type Sample } from './harness.js'

const threshold = (x: number) => constant(floats([], [x]))
const boxes = uniform(0, 1, 2, 9, 4)
const scores = uniform(0, 1, 2, 3, 9)

const sample = (about: string, more: Sample['inputs'], attributes = {}): Sample => ({
  about,
  inputs: [boxes, scores, ...more],
  attributes,
})

checkFamily(suppression, {
  NonMaxSuppression: [
    sample('corners', [ints([4], []), threshold(0.2)]),
    sample('centres', [ints([9], []), threshold(0.3)], { center_point_box: 1 }),
    sample('a least score', [ints([9], []), threshold(0.5), threshold(0.4)]),
    sample('nothing asked for', []),
  ],
})
