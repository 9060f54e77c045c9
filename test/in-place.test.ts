/** Which results may be written over which inputs: proofs and refusals, and what ONNX Runtime makes of both. */
import * as ort from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import { inPlaceHazards } from '../src/in-place.js'
import { encodeModel } from '../src/onnx/index.js'
import { parseModel } from '../src/text.js'

const HEADER = '<ir_version: 8, opset_import: ["" : 18, "f" : 1]>'

/** Reasons against writing results over inputs: `next:old` pairs. */
function hazards(program: string, pairs: string): string[] {
  const model = parseModel(`${HEADER} ${program}`)
  const found = pairs.split(' ').map((pair) => {
    const [output, input] = pair.split(':')
    return {
      input: model.graph.inputs.find((v) => v.name === input)!,
      output: model.graph.outputs.find((v) => v.name === output)!,
    }
  })
  return inPlaceHazards(model, found).map(({ reason }) => reason)
}

describe('safe', () => {
  test.each([
    [
      'arithmetic on the element itself',
      'g (float[n] p, float[n] g) => (float[n] y) { y = Sub(p, g) }',
      'y:p',
    ],
    [
      'readers that lead to the writer',
      'g (float[n] p, float[n] g) => (float[n] y) { a = Mul(p, p) b = Neg(p) c = Add(a, b) y = Mul(c, g) }',
      'y:p',
    ],
    [
      'a reader of another kind, before',
      'g (float[n, n] p) => (float[n, n] y) { a = MatMul(p, p) y = Neg(a) }',
      'y:p',
    ],
    [
      'two buffers, each read before either is written',
      'g (float[n] p, float[n] m) => (float[n] q, float[n] k) { k = Add(m, p) q = Sub(p, k) }',
      'q:p k:m',
    ],
    [
      'branches, with a copy onto itself',
      `g (float[n] p, float[n] g, bool c) => (float[n] y) {
        y = If (c) <then_branch = t () => (float[n] a) { b = Mul(p, g) a = Sub(p, b) },
                    else_branch = e () => (float[n] d) { d = Identity(p) }>
      }`,
      'y:p',
    ],
    [
      'a function',
      'g (float[n] p, float[n] g) => (float[n] y) { y = f.step(p, g) } <domain: "f", opset_import: ["" : 18]> step (x, d) => (z) { s = Mul(x, d) z = Sub(x, s) }',
      'y:p',
    ],
    [
      'a result that nobody else reads',
      'g (float[n] p, float[n] g) => (float[n] y) { y = MatMul(g, g) }',
      'y:p',
    ],
  ])('%s', (_, program, pairs) => {
    expect(hazards(program, pairs)).toEqual([])
  })
})

describe('refused', () => {
  test.each([
    [
      'a reader that may come later',
      'g (float[n] p) => (float[n] y, float[n] z) { y = Add(p, p) z = Neg(p) }',
      'y:p',
      /Neg.* reads it and need not precede Add/,
    ],
    [
      'a reader that comes later by dependency',
      'g (float[n] p) => (float[n] y, float[n] z) { y = Add(p, p) z = Mul(y, p) }',
      'y:p',
      /Mul.* need not precede/,
    ],
    [
      'another result that reads it',
      'g (float[n] p, float[n] m) => (float[n] q, float[n] k) { q = Neg(p) k = Add(m, p) }',
      'q:p k:m',
      /Add.* need not precede Neg/,
    ],
    [
      'a later reader of a view',
      'g (float[2, 3] p) => (float[2, 3] y, float[6] z) { s = Constant <value_ints = [6]> () t = Constant <value_ints = [2, 3]> () v = Reshape(p, s) w = Reshape(v, t) y = Add(p, w) z = Neg(v) }',
      'y:p',
      /Neg.* need not precede/,
    ],
    [
      'a later reader of what rewrites make a view: a factor 1',
      'g (float[n] p) => (float[n] y, float[n] z) <float one = {1}> { v = Mul(p, one) y = Add(p, v) z = Neg(v) }',
      'y:p',
      /Neg.* need not precede/,
    ],
    [
      'a later reader of what rewrites make a view: casts there and back',
      'g (float[n] p) => (float[n] y, float[n] z) { d = Cast <to = 11> (p) v = Cast <to = 1> (d) y = Add(p, v) z = Neg(v) }',
      'y:p',
      /Neg.* need not precede/,
    ],
    [
      'the memory is itself a result',
      'g (float[n] p) => (float[n] y, float[n] z) { y = Neg(p) z = Identity(p) }',
      'y:p',
      /also the result z/,
    ],
    [
      'a writer that reads elements more than once',
      'g (float[n, n] p) => (float[n, n] y) { y = MatMul(p, p) }',
      'y:p',
      /MatMul.* not known to work in place/,
    ],
    [
      'a writer that reads them in another order',
      'g (float[n, n] p) => (float[n, n] y) { t = Transpose(p) y = Add(p, t) }',
      'y:p',
      /another order/,
    ],
    [
      'a reader in a nested graph of a later node',
      `g (float[n] p, bool c) => (float[n] y, float[n] z) {
        y = Neg(p)
        z = If (c) <then_branch = t () => (float[n] a) { a = Add(p, p) }, else_branch = e () => (float[n] b) { b = Neg(y) }>
      }`,
      'y:p',
      /If.* need not precede Neg/,
    ],
    [
      'a later reader in the branch that writes',
      `g (float[n] p, bool c) => (float[n] y, float[n] z) {
        y, z = If (c) <then_branch = t () => (float[n] a, float[n] b) { a = Add(p, p) b = Mul(p, p) },
                       else_branch = e () => (float[n] d, float[n] f) { d = Identity(p) f = Add(p, p) }>
      }`,
      'y:p',
      /Mul.* need not precede Add/,
    ],
    [
      'the other branch returns the memory as another result',
      `g (float[n] p, float[n] q, bool c) => (float[n] y, float[n] z) {
        y, z = If (c) <then_branch = t () => (float[n] a, float[n] b) { a = Neg(p) b = Neg(q) },
                       else_branch = e () => (float[n] d, float[n] f) { d = Identity(q) f = Identity(p) }>
      }`,
      'y:p',
      /also the result z/,
    ],
    [
      'a loop',
      `g (float[n] p, int64 k, bool c) => (float[n] y) {
        y = Loop (k, c, p) <body = b (int64 i, bool go, float[n] x) => (bool on, float[n] z) { on = Identity(go) z = Add(x, p) }>
      }`,
      'y:p',
      /Loop.* not known/,
    ],
    [
      'a later reader in a function',
      'g (float[n] p) => (float[n] y, float[n] z) { y, z = f.two(p) } <domain: "f", opset_import: ["" : 18]> two (x) => (a, b) { a = Neg(x) b = Mul(x, x) }',
      'y:p',
      /Mul.* need not precede Neg/,
    ],
    ['another type', 'g (float[n] p) => (double[n] y) { y = Cast <to = 11> (p) }', 'y:p', /float32.*float64/],
    ['another shape', 'g (float[1] p, float[n] g) => (float[n] y) { y = Add(p, g) }', 'y:p', /\[1\].*\[n\]/],
    [
      'one buffer for two results',
      'g (float[n] p, float[n] g) => (float[n] y, float[n] z) { y = Neg(g) z = Neg(g) }',
      'y:p z:p',
      /another result/,
    ],
    ['the input is passed on', 'g (float[n] p) => (float[n] p) { }', 'p:p', /passed on/],
  ])('%s', (_, program, pairs, reason) => {
    expect(hazards(program, pairs)).toEqual([expect.stringMatching(reason)])
  })
})

test('what is refused does go wrong in ONNX Runtime', async () => {
  const program = 'g (float[n] p) => (float[n] y, float[n] z) { y = Add(p, p) z = Mul(y, p) }'
  expect(hazards(program, 'y:p')).toHaveLength(1)
  const session = await ort.InferenceSession.create(encodeModel(parseModel(`${HEADER} ${program}`)))
  const p = new ort.Tensor('float32', Float32Array.of(3, 5), [2])
  const apart = await session.run({ p })
  expect([...(apart.z!.data as Float32Array)]).toEqual([18, 50])
  const over = await session.run({ p }, { y: p, z: null })
  expect([...(over.z!.data as Float32Array)]).not.toEqual([18, 50])
  await session.release()
})
