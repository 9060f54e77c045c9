import { float } from '../../src/builder.js'
import { activation } from '../../src/ops/activation.js'
import { checkFamily, constant, floats, signed, uniform } from './harness.js'

const x = uniform(-5, 5, 3, 7)
const plain = { inputs: [x] }
const atZero = {
  about: 'at zero',
  inputs: [floats([3], [0, 1, -1])],
  notDifferentiated: 'kink at 0',
}
const large = { about: 'large', inputs: [floats([6], [-90, -30, -10, 10, 30, 90])], tolerance: 1e-4 }
const withAlpha = (alpha: number) => ({
  about: `alpha ${alpha}`,
  inputs: [x],
  attributes: { alpha: float(alpha) },
})

checkFamily(activation, {
  Relu: [plain, atZero],
  LeakyRelu: [plain, withAlpha(0.3), atZero],
  PRelu: [
    { about: 'one slope', inputs: [x, signed(1)] },
    { about: 'slope a channel', inputs: [signed(2, 3, 4), signed(3, 1)] },
    { about: 'frozen slope', inputs: [x, constant(signed(7))] },
  ],
  Elu: [plain, withAlpha(0.7), large],
  Selu: [plain, { about: 'attributes', inputs: [x], attributes: { alpha: float(1.2), gamma: float(0.8) } }],
  Celu: [plain, withAlpha(0.7), large].map((s) => ({ ...s, notInFloat16: 'Celu is float32 only' })),
  ThresholdedRelu: [plain, withAlpha(0.6)],
  Shrink: [plain, { about: 'attributes', inputs: [x], attributes: { bias: float(0.3), lambd: float(1.4) } }],
  Sigmoid: [plain, large],
  HardSigmoid: [
    plain,
    { about: 'attributes', inputs: [x], attributes: { alpha: float(0.3), beta: float(0.4) } },
  ],
  HardSwish: [plain],
  Swish: [plain, withAlpha(1.7), large].map((s) => ({ ...s, opset: 24 })),
  'com.microsoft::QuickGelu': [plain, withAlpha(1), large],
  Mish: [plain, large],
  Softplus: [plain, large],
  Softsign: [plain, large],
})
