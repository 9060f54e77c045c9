/** Gradients through run-time control flow against central differences, and in ONNX Runtime. */
import { describe, expect, test } from 'vitest'
import { feed, runModel } from '../helpers/expect-pass.js'
import { differentiateProgram, expectGradients } from '../helpers/gradients.js'

const sum = 'q = Mul (y, y)  loss = ReduceSum <keepdims = 0> (q)'

describe('If', () => {
  const text = `g (bool c, float[n, 4] x, float[4, 4] w, float[4, 4] v) => (float loss) {
    h = MatMul (x, w)
    y = If (c) <
      then_branch = t () => (r) { p = MatMul (h, w)  r = Tanh (p) },
      else_branch = e () => (s) { a = Sigmoid (h)  b = Exp (a)  s = MatMul (b, v) }
    >
    ${sum}
  }`
  test.each([0, 1])('each branch, condition %i', async (c) => {
    await expectGradients(differentiateProgram(text), { c: [c] })
  })

  test('what a branch computes is kept, not computed again', () => {
    const { model } = differentiateProgram(text)
    const backward = [...model.graph.nodes].find((n) => n.name === 'if_grad')!
    const ops = backward.subgraphs.flatMap(([, graph]) => [...graph.nodes].map((n) => n.op))
    expect(ops).not.toContain('Tanh')
    expect(ops).not.toContain('Exp')
    expect(ops).toContain('Gemm')
  })

  test.each([0, 1])(
    'several results of different shapes, one of them read by nobody, condition %i',
    async (c) => {
      const several = `g (bool c, float[n, 4] x, float[4] w) => (float loss) {
      y, k, u = If (c) <
        then_branch = t () => (r, i, f) { r = Mul (x, w)  i = Shape (x)  f = Neg (x) },
        else_branch = e () => (s, j, g) { s = ReduceSum <keepdims = 1> (x)  j = Shape (x)  g = Exp (x) }
      >
      ${sum}
    }`
      await expectGradients(differentiateProgram(several), { c: [c] })
    },
  )

  test.each([
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
  ])('nested, conditions %i %i', async (c, d) => {
    const nested = `g (bool c, bool d, float[2, 4] x, float[4, 4] w) => (float loss) {
      y = If (c) <
        then_branch = t () => (r) {
          p = MatMul (x, w)  e = Exp (p)
          r = If (d) <
            then_branch = tt () => (rr) { a = Tanh (e)  rr = Mul (a, p) },
            else_branch = te () => (rs) { b = Sigmoid (x)  rs = Mul (b, e) }
          >
        },
        else_branch = f () => (s) { s = Mul (x, x) }
      >
      ${sum}
    }`
    await expectGradients(differentiateProgram(nested), { c: [c], d: [d] })
  })

  test.each([0, 1])('a branch that passes on what it captures, condition %i', async (c) => {
    const passing = `g (bool c, float[2, 4] x, float[2, 4] w) => (float loss) {
      y = If (c) <then_branch = t () => (r) { r = Identity (x) }, else_branch = e () => (s) { s = Mul (x, w) }>
      ${sum}
    }`
    await expectGradients(differentiateProgram(passing), { c: [c] })
  })
})

describe('Scan', () => {
  test('states, elements and captured values', async () => {
    const text = `g (float[4] h, float[t, 4] x, float[4, 4] w) => (float loss) {
      s, r = Scan <num_scan_inputs = 1> (h, x) <body = b (float[4] a, float[4] e) => (a2, o) {
        p = MatMul (a, w)  z = Add (p, e)  a2 = Tanh (z)  o = Mul (a2, e)
      }>
      y = Add (r, s)  ${sum}
    }`
    await expectGradients(differentiateProgram(text))
  })

  test('axes and directions', async () => {
    const text = `g (float[2] h, float[2, t] x, float[t, 2] w) => (float loss) {
      s, r, u = Scan <num_scan_inputs = 2, scan_input_axes = [1, 0], scan_input_directions = [1, 0],
        scan_output_axes = [1, 0], scan_output_directions = [0, 1]> (h, x, w)
        <body = b (float[2] a, float[2] e, float[2] f) => (a2, o, v) {
          z = Mul (a, e)  a2 = Add (z, f)  o = Exp (a2)  v = Mul (a, f)
        }>
      m = MatMul (r, u)  y = Add (m, s)  ${sum}
    }`
    await expectGradients(differentiateProgram(text))
  })

  test('a body with a condition of its own', async () => {
    const text = `g (float[4] h, float[t, 4] x, float[4] w) => (float loss) {
      y, r = Scan <num_scan_inputs = 1> (h, x) <body = b (float[4] a, float[4] e) => (a2, o) {
        m = ReduceSum <keepdims = 0> (e)  zero = Sub (m, m)  c = Greater (m, zero)
        z = Mul (a, e)
        a2 = If (c) <then_branch = t () => (r) { q = Exp (z)  r = Mul (q, w) }, else_branch = n () => (s) { s = Sin (z) }>
        o = Identity (a2)
      }>
      ${sum}
    }`
    await expectGradients(differentiateProgram(text))
  })
})

describe('random draws', () => {
  // All ones: what passes the dropout is doubled, and so is its gradient.
  const text = (
    body: string,
  ): string => `g (float[8, 8] x, bool c) => (float loss) <float rate = {0.5}, bool yes = {1}> {
    ${body}  loss = ReduceSum <keepdims = 0> (y)
  }`
  test.each([
    [
      'a branch',
      `y = If (c) <then_branch = t () => (r) { r, m = Dropout (x, rate, yes) }, else_branch = e () => (s) { s = Neg (x) }>`,
    ],
    [
      'an iteration',
      `z = ReduceSum <keepdims = 0> (x, first)
       s, y = Scan <num_scan_inputs = 1> (z, x) <body = b (float[8] a, float[8] e) => (a2, o) { a2 = Identity (a)  o, m = Dropout (e, rate, yes) }>`,
    ],
  ])('of %s are the same in the backward', async (_, body) => {
    const program = text(body).replace('<float rate', '<int64[1] first = {0}, float rate')
    const { model } = differentiateProgram(program)
    model.graph.outputs.forEach((v, i) => (v.name = ['loss', 'd_x'][i]!))
    const { loss, d_x } = await runModel(model, {
      x: feed('float32', [8, 8], Array<number>(64).fill(1)),
      c: feed('bool', [], [1]),
    })
    expect(d_x!.data.reduce((a, b) => a + b, 0)).toBe(loss!.data[0])
    expect(new Set(d_x!.data)).toEqual(new Set([0, 2]))
  })
})

describe('Loop', () => {
  const text = `g (int64 m, bool c, float[n, 4] x, float[4, 4] w) => (float loss) {
    y, r = Loop (m, c, x) <body = b (int64 i, bool go, float[n, 4] a) => (go2, a2, o) {
      go2 = Identity (go)  f = Cast <to = 1> (i)  p = MatMul (a, w)  e = Mul (p, f)  a2 = Sin (e)  o = Mul (a, a2)
    }>
    t = ReduceSum <keepdims = 0> (r)  q = Mul (y, y)  u = ReduceSum <keepdims = 0> (q)  loss = Add (t, u)
  }`
  test.each([1, 3])('%i iterations', async (m) => {
    await expectGradients(differentiateProgram(text), { m: [m], c: [1] })
  })

  test('none', async () => {
    await expectGradients(differentiateProgram(text), { m: [0], c: [1] })
    await expectGradients(differentiateProgram(text), { m: [5], c: [0] })
  })

  test('a condition that the data decides', async () => {
    const whileLoop = `g (bool c, float[2] x, float[2] w) => (float loss) <float limit = {20}> {
      y = Loop (, c, x) <body = b (int64 i, bool go, float[2] a) => (go2, a2) {
        z = Mul (a, w)  a2 = Mul (z, w)  s = ReduceSum <keepdims = 0> (a2)  go2 = Less (s, limit)
      }>
      ${sum}
    }`
    await expectGradients(differentiateProgram(whileLoop), { c: [1], x: [1, 2], w: [1.5, 1.25] })
  })

  test('a state whose shape grows is refused', () => {
    const growing = `g (int64 m, bool c, float[n, 4] x) => (float loss) {
      y = Loop (m, c, x) <body = b (int64 i, bool go, float[k, 4] a) => (go2, a2) {
        go2 = Identity (go)  e = Exp (a)  a2 = Concat <axis = 0> (e, x)
      }>
      ${sum}
    }`
    expect(() => differentiateProgram(growing)).toThrow('may change from one iteration to the next')
  })
})
