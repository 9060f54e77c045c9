/**
 * Gated graphs against the flat one, under every mask, in ONNX Runtime. Programs are small: matrices of 3 rows, parameters as
 * inputs `w…`, gates as inputs `k…`, one DropBP node a branch.
 */
import { describe, expect, test } from 'vitest'
import { printModel } from '../../src/text.js'
import { compileProgram, expectAgreement, ifs } from '../helpers/gated.js'

/** Two residual branches over a trainable stream. */
const CHAIN = `g (float[n, 4] w, float[4, 4] w0, float[4, 4] w1, bool k0, bool k1) => (float loss) {
  a0 = MatMul (w, w0)  t0 = Tanh (a0)  d0 = com.dropbp.DropBP (t0, k0)  x0 = Add (w, d0)
  a1 = MatMul (x0, w1)  t1 = Tanh (a1)  d1 = com.dropbp.DropBP (t1, k1)  x1 = Add (x0, d1)
  s = Mul (x1, x1)  loss = ReduceSum <keepdims = 0> (s)
}`

/** The same over a frozen stream: below the lowest kept branch nothing needs a gradient. */
const FROZEN = CHAIN.replaceAll('float[n, 4] w,', 'float[n, 4] x,').replaceAll('(w, ', '(x, ')

/** Two branches of one sum that read one trainable norm. */
const PARALLEL = `g (float[n, 4] w, float[4] wn, float[4, 4] w0, float[4, 4] w1, bool k0, bool k1) => (float loss) {
  h = LayerNormalization (w, wn)
  a0 = MatMul (h, w0)  t0 = Tanh (a0)  d0 = com.dropbp.DropBP (t0, k0)
  a1 = MatMul (h, w1)  t1 = Sigmoid (a1)  d1 = com.dropbp.DropBP (t1, k1)
  p = Add (w, d0)  x1 = Add (p, d1)
  s = Mul (x1, x1)  loss = ReduceSum <keepdims = 0> (s)
}`

/** One weight in two branches. */
const SHARED = CHAIN.replaceAll('w1', 'w0').replace('float[4, 4] w0, float[4, 4] w0', 'float[4, 4] w0')

/** One product split between two branches: its gradient concatenates theirs, of which one may be absent. */
const SPLIT = `g (float[n, 4] w, float[4, 8] w0, float[4, 4] w1, bool k0, bool k1) => (float loss) <int64[2] parts = {4, 4}> {
  a = MatMul (w, w0)  l, r = Split <axis = 1> (a, parts)
  t0 = Tanh (l)  d0 = com.dropbp.DropBP (t0, k0)
  m = MatMul (r, w1)  t1 = Tanh (m)  d1 = com.dropbp.DropBP (t1, k1)
  p = Add (w, d0)  x1 = Add (p, d1)
  s = Mul (x1, x1)  loss = ReduceSum <keepdims = 0> (s)
}`

/** A residual branch inside a residual branch. */
const NESTED = `g (float[n, 4] w, float[4, 4] w0, float[4, 4] w1, bool k0, bool k1) => (float loss) {
  a = MatMul (w, w0)  t = Tanh (a)
  b = MatMul (t, w1)  u = Tanh (b)  d0 = com.dropbp.DropBP (u, k0)  y = Add (t, d0)
  z = Sigmoid (y)  d1 = com.dropbp.DropBP (z, k1)  x1 = Add (w, d1)
  s = Mul (x1, x1)  loss = ReduceSum <keepdims = 0> (s)
}`

/** A branch through a shape that only its data tells. */
const UNKNOWN = `g (float[n, 4] w, float[4, 4] w0, float[4, 4] w1, bool k0, bool k1) => (float loss)
  <float nothing = {0}, int64[1] first = {0}, int64[2] firsts = {0, 1}> {
  a = MatMul (w, w0)  z = Mul (w, nothing)  m = ReduceMax <keepdims = 0> (z)  i = Cast <to = 7> (m)
  as = Shape (a)  size = Max (as, i)  e = Expand (a, size)
  u = Unsqueeze (e, first)  v = Unsqueeze (u, first)  t = Tanh (v)  f = Squeeze (t, firsts)  b = MatMul (f, w1)
  ws = Shape (w)  r = Reshape (b, ws)  d0 = com.dropbp.DropBP (r, k0)  x0 = Add (w, d0)
  a1 = MatMul (x0, w1)  d1 = com.dropbp.DropBP (a1, k1)  x1 = Add (x0, d1)
  s = Mul (x1, x1)  loss = ReduceSum <keepdims = 0> (s)
}`

describe('gated graphs agree with the flat one under every mask', () => {
  test.each(Object.entries({ CHAIN, FROZEN, PARALLEL, SHARED, SPLIT, NESTED, UNKNOWN }))(
    '%s',
    async (_, text) => {
      await expectAgreement(text)
    },
  )

  test.each(Object.entries({ CHAIN, FROZEN, PARALLEL, NESTED }))('%s, recomputed', async (_, text) => {
    await expectAgreement(text, { recompute: ['mlp'] })
  })
})

describe('what is gated', () => {
  test('a plain branch is one If forward and one backward', () => {
    expect(ifs(compileProgram(CHAIN)).sort()).toEqual([
      'backward',
      'backward',
      'forward/site0',
      'forward/site1',
    ])
  })

  test('over a frozen stream the gradient of the stream is computed only where something below is kept', () => {
    const { model } = compileProgram(FROZEN)
    expect(printModel(model)).toContain('And')
  })

  test('a dropped branch keeps nothing: its else returns the branch alone', () => {
    const { model } = compileProgram(CHAIN)
    const forward = [...model.graph.nodes].find((n) => n.name === 'forward/site1')!
    const [, dropped] = forward.subgraphs.find(([name]) => name === 'else_branch')!
    const computed = [...dropped.nodes].map((n) => n.op).filter((op) => op !== 'Identity')
    expect(computed).toEqual(['MatMul', 'Tanh'])
  })
})
