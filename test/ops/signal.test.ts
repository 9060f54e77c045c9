import { signal } from '../../src/ops/signal.js'
import { checkFamily, constant, fed, floats, ints, positive, signed, type Sample } from './harness.js'

const size = (n: number) => ints([n], [])
const windows: Sample[] = [
  { about: 'periodic', inputs: [size(7)] },
  { about: 'symmetric', inputs: [size(7)], attributes: { periodic: 0 } },
  { about: 'size fed', inputs: [fed(size(4))] },
]
const mel = (...edges: [number, number]) => edges.map((hertz) => constant(floats([], [hertz])))
const only32 = { notInFloat16: 'float32 and float64 only' }

const dft = (about: string, rest: Partial<Sample>): Sample => ({
  about,
  inputs: [signed(2, 6, 2)],
  ...only32,
  ...rest,
})

checkFamily(signal, {
  HannWindow: windows,
  HammingWindow: windows,
  BlackmanWindow: windows,
  MelWeightMatrix: [
    { inputs: [size(5), size(32), size(8000), ...mel(100, 3000)] },
    { about: 'empty triangles', inputs: [size(8), size(16), size(8000), ...mel(0, 4000)] },
  ],
  DFT: [
    dft('complex', {}),
    dft('real', { inputs: [signed(2, 5, 1)] }),
    dft('inverse', { attributes: { inverse: 1 } }),
    dft('one-sided', { inputs: [signed(2, 6, 1)], attributes: { onesided: 1 } }),
    dft('one-sided, odd', { inputs: [signed(2, 5, 1)], attributes: { onesided: 1 } }),
    dft('first axis', { inputs: [signed(5, 2, 2), null, ints([0], [])] }),
    dft('longer', { inputs: [signed(2, 5, 1), ints([8], [])], attributes: { onesided: 1 } }),
    ...[
      [3, 5],
      [3, 4],
      [4, 7],
    ].map(([bins, length]) =>
      dft(`of ${bins} bins to ${length} real numbers`, {
        inputs: [signed(2, bins!, 2), ints([length!], [])],
        attributes: { inverse: 1, onesided: 1 },
      }),
    ),
    dft('to real numbers', { inputs: [signed(2, 4, 2)], attributes: { inverse: 1, onesided: 1 } }),
    dft('shorter', { inputs: [signed(2, 7, 2), ints([4], [])] }),
  ],
  STFT: [
    { about: 'window', inputs: [signed(2, 11, 1), ints([3], []), positive(4)], ...only32 },
    { about: 'frame length', inputs: [signed(2, 11, 1), ints([2], []), null, ints([5], [])], ...only32 },
    {
      about: 'two-sided',
      inputs: [signed(1, 9, 1), ints([2], []), constant(positive(4))],
      attributes: { onesided: 0 },
      ...only32,
    },
  ],
})
