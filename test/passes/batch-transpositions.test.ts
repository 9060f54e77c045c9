/** Operands of products with a batch axis inside are transposed first, and ONNX Runtime computes the same. */
import { expect, it } from 'vitest'
import { canonicalise } from '../../passes/canonicalise.js'
import { expectPass, feed, runModel } from '../helpers/expect-pass.js'
import { parseModel } from '../../src/text.js'

const noise = (n: number): number[] => Array.from({ length: n }, (_, i) => Math.sin(7 * i + 1))
const opsets = '<ir_version: 10, opset_import: ["" : 20, "com.microsoft" : 1]>'

it.each([
  'transBatchA = 1',
  'transBatchA = 1, transA = 1',
  'transBatchB = 1',
  'transBatchA = 1, transBatchB = 1, alpha = 0.5',
])('%s', async (attributes) => {
  // A is [M, batch, K] where its batch is inside, and has M and K exchanged where it is transposed too; so has B.
  const left = attributes.includes('transBatchA')
    ? attributes.includes('transA')
      ? '4, 2, 3'
      : '3, 2, 4'
    : '2, 3, 4'
  const right = attributes.includes('transBatchB') ? '4, 2, 5' : '2, 4, 5'
  const program = `${opsets} g (float[${left}] a, float[${right}] b) => (float[2, 3, 5] y) {
      y = com.microsoft.FusedMatMul <${attributes}> (a, b)
    }`
  const { model } = expectPass(canonicalise, program, { infer: false })
  const feeds = {
    a: feed('float32', left.split(', ').map(Number), noise(24)),
    b: feed('float32', right.split(', ').map(Number), noise(40)),
  }
  const [before, after] = [await runModel(parseModel(program), feeds), await runModel(model, feeds)]
  expect(after.y!.dims).toEqual([2, 3, 5])
  const [x, y] = [before.y!.data, after.y!.data]
  x.forEach((v, i) => expect(y[i]).toBeCloseTo(v, 5))
})
