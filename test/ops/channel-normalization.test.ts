import { float } from '../../src/builder.js'
import { channelNormalization } from '../../src/ops/channel-normalization.js'
import { checkFamily, constant, floats, positive, signed, type Sample } from './harness.js'

const x = signed(2, 4, 3, 5)
const row = signed(3, 4)
const channel = signed(4)
const batch = (rest: Partial<Sample>): Sample => ({
  inputs: [x, channel, signed(4), signed(4), positive(4)],
  ...rest,
})
const grouped = (groups: number): Sample => ({
  about: `${groups} groups`,
  inputs: [x, channel, signed(4)],
  attributes: { num_groups: groups, epsilon: float(0.01) },
  opset: 21,
})
const needsChannels = 'the number of channels must be known'

checkFamily(channelNormalization, {
  BatchNormalization: [
    batch({ about: 'inference' }),
    batch({ about: 'rows', inputs: [row, channel, signed(4), signed(4), positive(4)] }),
    batch({
      about: 'frozen statistics',
      inputs: [x, channel, signed(4), constant(signed(4)), constant(positive(4))],
      attributes: { epsilon: float(0.1) },
    }),
    batch({
      about: 'training',
      attributes: { training_mode: 1, momentum: float(0.7) },
      outputs: 3,
      tolerance: 1e-4,
    }),
  ],
  InstanceNormalization: [
    { inputs: [x, channel, signed(4)] },
    { about: 'one axis', inputs: [signed(2, 4, 5), channel, signed(4)], attributes: { epsilon: float(0.1) } },
  ],
  GroupNormalization: [grouped(1), grouped(2), grouped(4)],
  MeanVarianceNormalization: [
    { inputs: [x], tolerance: 1e-4 },
    { about: 'axes', inputs: [x], attributes: { axes: [1, -1] }, tolerance: 1e-4 },
  ],
  LpNormalization: [
    { inputs: [x] },
    { about: 'p = 1', inputs: [x], attributes: { p: 1, axis: 1 } },
    { about: 'zero', inputs: [floats([2, 2], [0, 0, 3, 4])], notDifferentiated: 'kink at 0' },
  ].map((s) => ({ ...s, notInFloat16: 'float32 and float64 only' })),
  LRN: [
    {
      about: 'odd size',
      inputs: [x],
      attributes: { size: 3, alpha: float(0.5) },
      notSymbolic: needsChannels,
    },
    {
      about: 'even size',
      inputs: [x],
      attributes: { size: 2, beta: float(0.6), bias: float(2), alpha: float(0.3) },
      notSymbolic: needsChannels,
      notInRuntime: 'ONNX Runtime takes odd sizes only',
    },
  ],
})
