import { softmax } from '../../src/ops/softmax.js'
import { checkFamily, floats, signed, uniform, type Sample } from './harness.js'

const samples: Sample[] = [
  { about: 'last axis', inputs: [signed(2, 3, 5)] },
  { about: 'middle axis', inputs: [signed(2, 3, 5)], attributes: { axis: 1 } },
  { about: 'first axis, counted from the end', inputs: [signed(4, 3)], attributes: { axis: -2 } },
  { about: 'large', inputs: [uniform(-80, 80, 2, 6)], tolerance: 1e-4 },
  { about: 'vector of one', inputs: [signed(1)] },
]
const masked = {
  about: 'masked',
  inputs: [floats([2, 3], [1, -Infinity, 2, -Infinity, -Infinity, 0.5])],
  notDifferentiated: 'differences of infinities',
}

checkFamily(softmax, {
  Softmax: [...samples, masked],
  LogSoftmax: samples,
  Hardmax: [
    ...samples,
    { about: 'ties', inputs: [floats([2, 3], [1, 1, 0, 2, 3, 3])], notDifferentiated: 'jump' },
  ],
})
