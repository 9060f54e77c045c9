import { describe, expect, it } from 'vitest'
import { canonicalise } from '../../../passes/canonicalise.js'
import { float } from '../../../src/builder.js'
import { evaluateGraph } from '../../../src/evaluate.js'
import { standardOps } from '../../../src/ops/index.js'
import { microsoftFused } from '../../../src/ops/microsoft/fused.js'
import { expectPass } from '../../helpers/expect-pass.js'
import { as, checkFamily, constant, fed, floats, ints, signed, uniform } from '../harness.js'

const ids = as('int32', fed(ints([1, 4, 0, 2, 2, 3], [2, 3])))
const kinds = as('int32', fed(ints([0, 1, 1, 0, 0, 1], [2, 3])))
const tables = [constant(signed(5, 4)), constant(signed(6, 4)), constant(signed(2, 4))]
const norm = [constant(signed(4)), constant(signed(4))]
const mask = as('int32', fed(ints([1, 1, 0, 1, 1, 1], [2, 3])))
const table = constant(signed(8, 3))
const noKernel = 'no kernel'
const positions = { is_bidirectional: 1, max_distance: 16 }
const noFloat16 = { notInFloat16: noKernel }
const bytes = as('int8', fed(ints([3, -5, 100, 7], [2, 2])))

checkFamily(microsoftFused, {
  'com.microsoft::FusedGemm': [
    {
      inputs: [signed(2, 3), signed(4, 3), signed(4)],
      attributes: { transB: 1, activation: 'Relu' },
      ...noFloat16,
    },
    {
      about: 'an activation with parameters',
      inputs: [signed(2, 3), signed(3, 4), null],
      attributes: { alpha: float(0.5), activation: 'LeakyRelu', activation_alpha: float(0.3) },
      ...noFloat16,
    },
  ],
  'com.microsoft::FusedConv': [
    {
      inputs: [signed(1, 2, 5, 5), signed(3, 2, 3, 3), signed(3)],
      attributes: { activation: 'Tanh', pads: [1, 1, 1, 1] },
      ...noFloat16,
    },
    {
      about: 'a sum before the activation',
      inputs: [signed(1, 2, 4, 4), signed(3, 2, 3, 3), signed(3), signed(1, 3, 2, 2)],
      attributes: { activation: 'LeakyRelu', activation_params: { type: 'floats', value: [0.2] } },
      ...noFloat16,
    },
  ],
  'com.microsoft::TransposeMatMul': [
    {
      inputs: [signed(2, 4, 3), signed(2, 5, 4)],
      attributes: { transA: 1, transB: 1, alpha: float(0.5) },
      ...noFloat16,
    },
  ],
  'com.microsoft::GemmFastGelu': [
    { inputs: [signed(2, 3, 4), signed(4, 5), signed(5)], notInRuntime: noKernel },
  ],
  'com.microsoft::BiasAdd': [
    { inputs: [signed(2, 3, 4), signed(4), signed(2, 3, 4)], notInRuntime: noKernel },
  ],
  'com.microsoft::FusedMatMulActivation': [
    {
      inputs: [floats([2, 2], [1, 2, 3, 4]), floats([2, 2], [1, -1, 2, 1])],
      attributes: { transB: 1, alpha: float(0.5), activation: 'LeakyRelu', activation_alpha: float(0.1) },
      // ½·A·Bᵀ = [[−½, 2], [−½, 5]]
      expected: [[-0.05, 2, -0.05, 5]],
    },
  ],
  'com.microsoft::BiasSplitGelu': [{ inputs: [signed(2, 3, 8), signed(8)], notInRuntime: noKernel }],
  'com.microsoft::ExpandDims': [{ inputs: [signed(2, 3), as('int32', ints([-1], []))] }],
  'com.microsoft::Trilu': [{ inputs: [signed(3, 4), ints([1], [])], attributes: { upper: 0 }, ...noFloat16 }],
  'com.microsoft::EmbedLayerNormalization': [
    {
      inputs: [ids, kinds, ...tables, ...norm, mask],
      outputs: 2,
      attributes: { epsilon: float(1e-5) },
      ...noFloat16,
    },
    {
      about: 'without segments',
      inputs: [ids, null, tables[0]!, tables[1]!, null, ...norm],
      outputs: 2,
      ...noFloat16,
    },
    {
      about: 'given positions',
      inputs: [ids, kinds, ...tables, ...norm, null, as('int32', fed(ints([5, 1, 0], [1, 3])))],
      outputs: 3,
      ...noFloat16,
    },
  ],
  'com.microsoft::RelativePositionBias': [
    {
      about: 'both directions',
      inputs: [table, ints([9]), ints([9])],
      attributes: positions,
      notInRuntime: noKernel,
    },
    {
      about: 'backwards',
      inputs: [table, ints([5]), ints([7])],
      attributes: { max_distance: 7 },
      notInRuntime: noKernel,
    },
  ],
  'com.microsoft::QuantizeLinear': [
    { inputs: [uniform(-9, 9, 2, 3), constant(floats([], [0.3])), as('int8', ints([4], []))] },
  ],
  'com.microsoft::DequantizeLinear': [
    {
      inputs: [bytes, floats([2], [0.3, 0.5]), as('int8', ints([4, 0]))],
      attributes: { axis: 0 },
      ...noFloat16,
    },
  ],
})

/** Buckets of the distances −24 … 24, as `T5Attention._relative_position_bucket` gives them. */
const BUCKETS = {
  both: [...new Array<number>(19).fill(3), 2, 2, 2, 2, 1, 0, 5, 6, 6, 6, 6, ...new Array<number>(19).fill(7)],
  backwards: [...new Array<number>(18).fill(7), 6, 5, 4, 3, 2, 1, ...new Array<number>(25).fill(0)],
}

describe('position buckets', () => {
  it.each([
    ['both directions', 'is_bidirectional = 1, max_distance = 16', BUCKETS.both],
    ['backwards', 'max_distance = 7', BUCKETS.backwards],
  ])('%s', (_, attributes, expected) => {
    const { model } = expectPass(
      canonicalise,
      `<ir_version: 10, opset_import: ["" : 20, "com.microsoft" : 1]> g () => (float[1, 1, 25, 49] y) <
        float[8, 1] table = {0, 1, 2, 3, 4, 5, 6, 7}, int64[1] queries = {25}, int64[1] keys = {49}
      > { y = com.microsoft.RelativePositionBias <${attributes}> (table, queries, keys) }`,
    )
    const y = model.graph.outputs[0]!
    const { data } = evaluateGraph(model.graph, new Map(), standardOps).get(y)!
    // Row q holds the distances −q … 48 − q.
    expect([...data.subarray(24 * 49, 25 * 49)]).toEqual(expected)
  })
})
