import { test } from 'vitest'
import { softmax } from '../../src/ops/softmax.js'
import { differentiateProgram, expectGradients } from '../helpers/gradients.js'
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

/** The first row is masked entirely. */
const guarded = (guard: string): string => `g (float[2, 3] x) => (float loss)
  <float[2, 3] kept = {0, 0, 0, 1, 1, 0}, float[3] w = {1, 3, -2}, float zero = {0}, int64[1] last = {-1}> {
    bias = Log (kept)
    scores = Add (x, bias)
    p = Softmax (scores)
    ${guard}
    weighted = Mul (q, w)
    loss = ReduceSum <keepdims = 0> (weighted)
  }`

test.each([
  ['of NaN', 'lost = IsNaN (p)  q = Where (lost, zero, p)'],
  [
    'of rows',
    'most = ReduceMax (bias, last)  none = Log (zero)  lost = Equal (most, none)  q = Where (lost, zero, p)',
  ],
])('a guard %s keeps NaN out of the gradient', async (_what, guard) => {
  await expectGradients(differentiateProgram(guarded(guard)))
})
