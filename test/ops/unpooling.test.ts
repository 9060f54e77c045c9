import { unpooling } from '../../src/ops/unpooling.js'
import { checkFamily, fed, ints, signed } from './harness.js'

const x = signed(1, 1, 2, 2)
const positions = fed(ints([5, 7, 13, 15], [1, 1, 2, 2]))
const attributes = { kernel_shape: [2, 2], strides: [2, 2] }

checkFamily(unpooling, {
  MaxUnpool: [
    { inputs: [x, positions], attributes },
    { about: 'output shape', inputs: [x, positions, ints([1, 1, 5, 5])], attributes },
  ].map((s) => ({ ...s, opset: 22, notInFloat16: 'float32 only' })),
})
