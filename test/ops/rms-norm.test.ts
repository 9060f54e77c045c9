import { float } from '../../src/builder.js'
import { rmsNorm } from '../../src/ops/rms-norm.js'
import { checkFamily, constant, signed } from './harness.js'

const x = signed(2, 3, 5)

checkFamily(rmsNorm, {
  'com.dropbp::RMSNorm': [
    { inputs: [x, signed(5)] },
    { about: 'epsilon', inputs: [x, signed(5)], attributes: { epsilon: float(0.1) } },
    { about: 'frozen scale', inputs: [x, constant(signed(5))] },
  ],
})
