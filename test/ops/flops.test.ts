import { expect, test } from 'vitest'
import { flopsOf } from '../../passes/annotate-flops.js'
import { bindInputDims, inferGraph } from '../../src/infer.js'
import { standardOps } from '../../src/ops/index.js'
import { parseModel } from '../../src/text.js'

/** The FLOPs of a graph. */
function flops(graph: string): string {
  const model = parseModel(`<ir_version: 10, opset_import: ["" : 20, "com.microsoft" : 1]> main ${graph}`)
  bindInputDims(model)
  inferGraph(model.graph, model, standardOps)
  return String(flopsOf(model.graph.nodes, standardOps))
}

test.each([
  ['(float[batch, seq, 4] x, float[4, 5] w) => (y) { y = MatMul(x, w) }', '40*batch*seq'],
  ['(float[batch, seq, 4] x, float[batch, 4, seq] z) => (y) { y = MatMul(x, z) }', '8*batch*seq^2'],
  ['(float[4] x, float[4] w) => (y) { y = MatMul(x, w) }', '8'],
  ['(float[rows, 4] x, float[5, 4] w) => (y) { y = Gemm <transB = 1> (x, w) }', '40*rows'],
  ['(float[4, rows] x, float[4, 5] w) => (y) { y = Gemm <transA = 1> (x, w) }', '40*rows'],
  [
    '(float[b, s, 4] x, float[b, s, 4] z) => (y) { y = com.microsoft.FusedMatMul <transB = 1> (x, z) }',
    '8*b*s^2',
  ],
  ['(float[b, 3, 8, 8] x, float[5, 3, 4, 4] w) => (y) { y = Conv <strides = [4, 4]> (x, w) }', '1920*b'],
  ['(float[b, 4, 9] x, float[6, 2, 3] w) => (y) { y = Conv <group = 2> (x, w) }', '504*b'],
  ['(float[b, 4, 9] x, float[4, 2, 3] w) => (y) { y = ConvTranspose <strides = [2]> (x, w) }', '432*b'],
  [
    '(float[b, q, 4] x, float[b, k, 4] z) => (y) { y = Einsum <equation = "bqd,bkd->bqk"> (x, z) }',
    '8*b*k*q',
  ],
  ['(float[b, q] x) => (y) { y = Einsum <equation = "bq->qb"> (x) }', '0'],
  [
    `(bool c, float[b, 4] x, float[4, 4] w, float[4, 2] v) => (y) {
      y = If (c) <then_branch = t () => (r) { r = MatMul(x, w) }, else_branch = e () => (s) { s = MatMul(x, v) }>
    }`,
    'max(16*b,32*b)',
  ],
  [
    `(float[4] h, float[t, 4] x, float[4, 4] w) => (s) {
      s = Scan <num_scan_inputs = 1> (h, x) <body = b (float[4] a, float[4] e) => (a2) { p = MatMul (a, w)  a2 = Add (p, e) }>
    }`,
    '32*t',
  ],
])('%s', (graph, expected) => expect(flops(graph)).toBe(expected))
