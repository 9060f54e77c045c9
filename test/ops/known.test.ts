/** Integer arithmetic on shapes is followed symbolically. */
import { expect, test } from 'vitest'
import { bindInputDims, inferGraph } from '../../src/infer.js'
import { standardOps } from '../../src/ops/index.js'
import { parseModel } from '../../src/text.js'

/** The known elements of y, computed from s = [batch, seq]. */
function known(program: string): string | undefined {
  const model = parseModel(`<ir_version: 10, opset_import: ["" : 20]>
    main (float[batch, seq] x) => (y)
    <int64 zero = {0}, int64 one = {1}, int64 two = {2}, int64[2] pair = {2, 3}> { s = Shape(x) ${program} }`)
  bindInputDims(model)
  inferGraph(model.graph, model, standardOps)
  return model.graph.outputs[0]!.known?.join(', ')
}

test.each([
  ['y = Add(s, one)', 'batch + 1, seq + 1'],
  ['y = Sub(s, pair)', 'batch - 2, seq - 3'],
  ['y = Mul(s, pair)', '2*batch, 3*seq'],
  ['t = Mul(s, two) y = Div(t, two)', 'batch, seq'],
  ['y = Div(s, two)', 'floor(batch/2), floor(seq/2)'],
  ['t = Add(s, one) y = Div(t, two)', 'floor((batch + 1)/2), floor((seq + 1)/2)'],
  ['t = Neg(s) y = Div(t, two)', undefined],
  ['y = Div(s, zero)', undefined],
  ['t = Mul(s, two) y = Mod(t, two)', '0, 0'],
  ['y = Mod(s, two)', 'batch - 2*floor(batch/2), -2*floor(seq/2) + seq'],
  ['y = Neg(s)', '-batch, -seq'],
  ['y = Max(s, zero)', 'batch, seq'],
  ['y = Min(s, zero)', '0, 0'],
  ['y = Pow(s, two)', 'batch^2, seq^2'],
  ['y = Clip(s, zero)', 'batch, seq'],
  ['y = ReduceProd <keepdims = 0> (s)', 'batch*seq'],
  ['y = ReduceSum <keepdims = 0> (s)', 'batch + seq'],
])('%s', (program, expected) => {
  expect(known(program)?.replaceAll(' ', '')).toBe(expected?.replaceAll(' ', ''))
})
