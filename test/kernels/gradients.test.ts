/** Rules that emit operators which have kernels: against central differences, and their calls in ONNX Runtime. */
import { describe, expect, test } from 'vitest'
import { DOMAIN } from '../../src/ops/dropbp.js'
import { differentiateProgram, expectGradients } from '../helpers/gradients.js'
import { table } from './harness.js'

const PROGRAMS: Readonly<Record<string, [op: string, text: string]>> = {
  gelu: [
    'GeluGrad',
    'g (float[3, 5] x) => (float loss) { y = Gelu(x)  z = Mul(y, y)  loss = ReduceSum <keepdims = 0> (z) }',
  ],
  'gelu by tanh': [
    'GeluGrad',
    'g (float[N, 5] x) => (float loss) { y = Gelu <approximate = "tanh"> (x)  z = Mul(y, y)  loss = ReduceSum <keepdims = 0> (z) }',
  ],
  'layer normalisation': [
    'LayerNormalizationGrad',
    'g (float[2, N, 5] x, float[5] s, float[5] b) => (float loss) { y = LayerNormalization(x, s, b)  z = Mul(y, y)  w = Mul(z, x)  loss = ReduceSum <keepdims = 0> (w) }',
  ],
  'RMS normalisation': [
    'RMSNormalizationGrad',
    `<ir_version: 10, opset_import: ["": 20, "${DOMAIN}": 1]> g (float[2, N, 5] x, float[5] s) => (float loss) { y = ${DOMAIN}.RMSNorm <axis = -1, epsilon = 0.001> (x, s)  z = Mul(y, y)  w = Mul(z, x)  loss = ReduceSum <keepdims = 0> (w) }`,
  ],
  softmax: [
    'SoftmaxGrad',
    'g (float[2, N, 5] x) => (float loss) { y = Softmax(x)  z = Mul(y, x)  w = Mul(z, z)  loss = ReduceSum <keepdims = 0> (w) }',
  ],
  swiglu: [
    'SwiGLUGrad',
    `<ir_version: 10, opset_import: ["": 20, "${DOMAIN}": 1]> g (float[2, N] x, float[2, N] u) => (float loss) { y = ${DOMAIN}.SwiGLU(x, u)  z = Mul(y, y)  loss = ReduceSum <keepdims = 0> (z) }`,
  ],
}

describe('gradients', () => {
  test.each(Object.entries(PROGRAMS))('%s', async (_name, [op, text]) => {
    const differentiated = differentiateProgram(text, table)
    expect([...differentiated.model.graph.nodes].filter((n) => n.op === op)).toHaveLength(1)
    await expectGradients(differentiated, {}, table)
    expect(differentiated.model.functions.map((f) => f.name)).toContainEqual(
      expect.stringMatching(/Grad_f32_v1$/),
    )
  })
})

/** What functions do not take stays in the operators that it was made of. */
const LEFT_ALONE: Readonly<Record<string, string>> = {
  'softmax over another axis':
    'g (float[2, 5] x) => (float loss) { y = Softmax <axis = 0> (x)  z = Mul(y, x)  loss = ReduceSum <keepdims = 0> (z) }',
  'normalisation over two axes':
    'g (float[2, 3, 5] x, float[3, 5] s) => (float loss) { y = LayerNormalization <axis = 1> (x, s)  z = Mul(y, y)  loss = ReduceSum <keepdims = 0> (z) }',
  'a scale for all columns':
    'g (float[2, 5] x, float[1] s) => (float loss) { y = LayerNormalization(x, s)  z = Mul(y, y)  w = Mul(z, x)  loss = ReduceSum <keepdims = 0> (w) }',
  'statistics that are used':
    'g (float[2, 5] x, float[5] s) => (float loss) { y, m, i = LayerNormalization(x, s)  z = Mul(y, i)  loss = ReduceSum <keepdims = 0> (z) }',
  'gates that are broadcast': `<ir_version: 10, opset_import: ["": 20, "${DOMAIN}": 1]> g (float[2, 5] x, float[5] u) => (float loss) { y = ${DOMAIN}.SwiGLU(x, u)  z = Mul(y, y)  loss = ReduceSum <keepdims = 0> (z) }`,
}

test.each(Object.entries(LEFT_ALONE))('no kernel: %s', async (name, text) => {
  const differentiated = differentiateProgram(text, table)
  // ONNX Runtime takes no scale of one element
  if (name !== 'a scale for all columns') await expectGradients(differentiated, {}, table)
  expect(differentiated.model.functions).toEqual([])
})
