import { describe, expect, it } from 'vitest'
import { canonicalise } from '../../passes/canonicalise.js'
import { compileModel } from '../../passes/compile.js'
import { gradients } from '../../passes/differentiate.js'
import { lower } from '../../passes/lower.js'
import { evaluateGraph } from '../../src/evaluate.js'
import { standardOps } from '../../src/ops/index.js'
import { parseModel } from '../../src/text.js'
import { expectPass } from '../helpers/expect-pass.js'
import { quantize } from '../../src/ops/quantize.js'
import { as, checkFamily, constant, fed, floats, ints, signed, uniform, type Operand } from './harness.js'

const x = floats([2, 6], [-3, -0.25, 0.25, 0.75, 1.26, 9, 0.1, 0.2, -0.3, 100, -100, 1.25])
const scale = constant(floats([], [0.5]))
const perColumn = constant(floats([6], [0.5, 0.1, 0.2, 0.3, 0.7, 0.01]))
const perBlock = constant(floats([2, 3], [0.5, 0.1, 0.2, 0.3, 0.7, 0.9]))
const bytes = (dtype: 'int8' | 'uint8', ...shape: number[]): Operand =>
  as(dtype, { ...uniform(0, 1, ...shape), data: uniform(0, 100, ...shape).data.map(Math.floor) })
const zeros = (dtype: 'int8' | 'uint8', value: number, shape: number[] = []) =>
  as(dtype, ints(new Array<number>(shape.reduce((n, d) => n * d, 1)).fill(value), shape))

const notInFloat16 = 'scales are float32'

checkFamily(quantize, {
  QuantizeLinear: [
    { about: 'unsigned by default', inputs: [x, scale] },
    { about: 'a zero point', inputs: [x, scale, zeros('int8', 3)] },
    { about: 'per axis', inputs: [x, perColumn, zeros('int8', -7, [6])], attributes: { axis: -1 } },
    {
      about: 'per row',
      inputs: [x, constant(floats([2], [0.1, 3])), zeros('uint8', 128, [2])],
      attributes: { axis: 0 },
    },
    {
      about: 'per block',
      inputs: [x, perBlock, zeros('int8', 1, [2, 3])],
      attributes: { axis: 1, block_size: 2 },
      opset: 21,
    },
    { about: 'another type', inputs: [x, scale], attributes: { output_dtype: 5 }, opset: 21 },
  ],
  DequantizeLinear: [
    { inputs: [bytes('int8', 2, 6), floats([], [0.5]), zeros('int8', 3)], notInFloat16 },
    { about: 'per axis', inputs: [bytes('uint8', 2, 6), signed(6), zeros('uint8', 7, [6])], notInFloat16 },
    {
      about: 'without zero point',
      inputs: [bytes('uint8', 2, 6), signed(2)],
      attributes: { axis: -2 },
      notInFloat16,
    },
    {
      about: 'per block',
      inputs: [bytes('int8', 2, 6), signed(2, 3), zeros('int8', 1, [2, 3])],
      attributes: { block_size: 2 },
      opset: 21,
    },
    {
      about: 'a smaller last block',
      inputs: [bytes('int8', 2, 5), signed(2, 2)],
      attributes: { block_size: 3 },
      opset: 21,
    },
    { about: '32 bits', inputs: [as('int32', fed(ints([700, -3]))), floats([], [0.01])], notInFloat16 },
  ],
  DynamicQuantizeLinear: [
    { inputs: [constant(x)], outputs: 3, notInFloat16 },
    { about: 'all positive', inputs: [constant(uniform(1, 2, 7))], outputs: 3, notInFloat16 },
  ],
  'com.dropbp::QuantizeDequantize': [
    { inputs: [x, scale, zeros('int8', 3)], notDifferentiated: 'a staircase', notInRuntime: 'lowered' },
    {
      about: 'per axis',
      inputs: [x, perColumn, zeros('int8', 0, [6])],
      notDifferentiated: 'a staircase',
      notInRuntime: 'lowered',
    },
  ],
})

describe('quantised activations', () => {
  const program = (body: string) =>
    `<ir_version: 10, opset_import: ["" : 20]> g (float[6] x) => (float loss) <float s = {0.5}, int8 z = {3}> {
      ${body}  loss = ReduceSum <keepdims = 0> (d)
    }`
  const apart = program('q = QuantizeLinear <axis = 1> (x, s, z)  d = DequantizeLinear <axis = 1> (q, s, z)')
  const joined = program('d = com.dropbp.QuantizeDequantize <axis = 1> (x, s, z)')

  it('are joined, and come apart again', () => {
    expectPass(canonicalise, apart).toBecome(joined)
    expectPass(lower, joined).toBecome(apart)
  })

  it('pass their gradient where they are not saturated', () => {
    const { model } = expectPass(() => {}, joined)
    const input = model.graph.inputs[0]!
    const dx = gradients(model, standardOps, model.graph.outputs[0]!, [input]).get(input)!
    const data = Float64Array.of(-70, -65.3, 0.3, 61, 62.2, 63)
    const feeds = new Map([[input, { dtype: 'float32' as const, shape: [6], data }]])
    const found = evaluateGraph(model.graph, feeds, standardOps, [dx]).get(dx)!
    expect([...found.data]).toEqual([0, 1, 1, 1, 1, 0])
  })
})

describe('quantised weights', () => {
  const program = `<ir_version: 10, opset_import: ["" : 21]> g (float[n, 2] x) => (float[n, 2] y) <
    int8[2, 2] w_q = {1, 2, 3, 4}, float[2] w_s = {0.5, 0.25}, float[2] "fc.bias" = {1, 2}
  > {
    w = DequantizeLinear <axis = 1> (w_q, w_s)  t = Transpose <perm = [1, 0]> (w)
    h = MatMul (x, t)  branch = Add (h, "fc.bias")  y = Add (x, branch)
  }`
  const compile = (train: string[]) =>
    compileModel(parseModel(program), { loss: { kind: 'mse', output: 'y' }, train }).manifest

  it('make a branch a site, and keep their scales', () => {
    const { sites, parameters } = compile([])
    expect(sites.length).toBe(1)
    expect(parameters.filter((p) => p.trainable).map((p) => p.name)).toEqual(['fc.bias'])
  })

  it('have their scales trained where these are named', () => {
    expect(
      compile(['*'])
        .parameters.filter((p) => p.trainable)
        .map((p) => p.name)
        .sort(),
    ).toEqual(['fc.bias', 'w_s'])
  })
})
