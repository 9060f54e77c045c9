import { float } from '../../src/builder.js'
import { layerNormalization } from '../../src/ops/layer-normalization.js'
import { checkFamily, constant, signed, type Sample } from './harness.js'

const x = signed(2, 3, 5)
const skip = signed(2, 3, 5)
const noBeta = 'ONNX Runtime 1.30 crashes in SkipLayerNormalization without beta'
const rms: Sample[] = [
  { about: 'last axis', inputs: [x, signed(5)], opset: 23 },
  { about: 'two axes', inputs: [x, signed(3, 5)], attributes: { axis: 1, epsilon: float(0.1) }, opset: 23 },
  { about: 'frozen scale', inputs: [x, constant(signed(5))], opset: 23 },
]

checkFamily(layerNormalization, {
  LayerNormalization: [
    { about: 'last axis', inputs: [x, signed(5), signed(5)] },
    { about: 'no bias', inputs: [x, signed(5)], attributes: { epsilon: float(0.01) } },
    { about: 'two axes', inputs: [x, signed(3, 5), signed(3, 5)], attributes: { axis: -2 } },
    { about: 'frozen scale', inputs: [x, constant(signed(5)), constant(signed(5))] },
    { about: 'frozen input', inputs: [constant(x), signed(5), signed(5)] },
    { about: 'statistics', inputs: [x, signed(5), signed(5)], outputs: 3 },
  ],
  RMSNormalization: rms,
  SimplifiedLayerNormalization: [
    { inputs: [x, signed(5)], outputs: 2 },
    { about: 'two axes', inputs: [x, signed(3, 5)], attributes: { axis: 1 } },
  ],
  'com.microsoft::SkipLayerNormalization': [
    { about: 'gamma', inputs: [x, skip, signed(5)], notInRuntime: noBeta },
    {
      about: 'gamma and beta',
      inputs: [x, skip, signed(5), signed(5)],
      attributes: { epsilon: float(0.01) },
    },
    { about: 'bias without beta', inputs: [x, skip, signed(5), null, signed(5)], notInRuntime: noBeta },
    { about: 'sum', inputs: [x, skip, signed(5), signed(5), signed(5)], outputs: 4 },
  ],
  'com.microsoft::SkipSimplifiedLayerNormalization': [
    { about: 'gamma', inputs: [x, skip, signed(5)], attributes: { epsilon: float(0.01) } },
    { about: 'sum', inputs: [x, skip, signed(5), signed(5)], outputs: 4 },
  ],
})
