/** Gates around, above and below run-time control flow: gated graphs against the flat one under every mask. */
import { describe, expect, test } from 'vitest'
import { trimOutputs } from '../../passes/gating/trim.js'
import { parseModel } from '../../src/text.js'
import { compileProgram, expectAgreement } from '../helpers/gated.js'

/** Conditions that hold and do not, both decided by data. */
const OUTCOMES: [string, number][] = [
  ['then', -100],
  ['else', 100],
]

const program = (limit: number, body: string): string =>
  `g (float[n, 4] w, float[4, 4] w0, float[4, 4] w1, float[4, 4] w2, bool k0, bool k1) => (float loss)
    <float limit = {${limit}}> {
    t0 = ReduceSum <keepdims = 0> (w)  c = Greater (t0, limit)
    ${body}
    s = Mul (x1, x1)  loss = ReduceSum <keepdims = 0> (s)
  }`

/** The branch of one site is an If, which reads the output of another. */
const WITHIN = `a0 = MatMul (w, w0)  u0 = Tanh (a0)  d0 = com.dropbp.DropBP (u0, k0)  x0 = Add (w, d0)
  h = MatMul (x0, w1)
  i = If (c) <
    then_branch = t () => (r) { p = MatMul (h, w1)  r = Tanh (p) },
    else_branch = e () => (q) { b = Exp (h)  m = MatMul (b, w2)  q = Sigmoid (m) }
  >
  d1 = com.dropbp.DropBP (i, k1)  x1 = Add (x0, d1)`

/** The stream itself goes through an If between two sites. */
const BETWEEN = `a0 = MatMul (w, w0)  u0 = Tanh (a0)  d0 = com.dropbp.DropBP (u0, k0)  x0 = Add (w, d0)
  i = If (c) <
    then_branch = t () => (r) { p = MatMul (x0, w2)  r = Tanh (p) },
    else_branch = e () => (q) { q = Mul (x0, x0) }
  >
  a1 = MatMul (i, w1)  u1 = Sigmoid (a1)  d1 = com.dropbp.DropBP (u1, k1)  x1 = Add (i, d1)`

/** Two sites read results of one If: the gradient of one result may be absent where that of the other is not. */
const SHARED = `i, j = If (c) <
    then_branch = t () => (r, v) { p = MatMul (w, w0)  r = Tanh (p)  v = Sin (p) },
    else_branch = e () => (q, z) { q = Mul (w, w)  z = Exp (w) }
  >
  a0 = MatMul (i, w1)  u0 = Tanh (a0)  d0 = com.dropbp.DropBP (u0, k0)
  a1 = MatMul (j, w2)  u1 = Sigmoid (a1)  d1 = com.dropbp.DropBP (u1, k1)
  o = Add (w, d0)  x1 = Add (o, d1)`

/** A branch that is a recurrence over the rows. */
const SCAN = `a0 = MatMul (w, w0)  u0 = Tanh (a0)  d0 = com.dropbp.DropBP (u0, k0)  x0 = Add (w, d0)
  h = ReduceMean <keepdims = 0> (x0, zero)
  f, y = Scan <num_scan_inputs = 1> (h, x0) <body = b (float[4] a, float[4] e) => (a2, o) {
    p = MatMul (a, w1)  z = Add (p, e)  a2 = Tanh (z)  o = Mul (a2, e)
  }>
  d1 = com.dropbp.DropBP (y, k1)  x1 = Add (x0, d1)`

describe('gated graphs with control flow agree with the flat one under every mask', () => {
  const cases = Object.entries({ WITHIN, BETWEEN, SHARED }).flatMap(([name, body]) =>
    OUTCOMES.map(([taken, limit]) => [name, taken, program(limit, body)] as const),
  )
  test.each(cases)('%s, %s', async (_name, _taken, text) => {
    await expectAgreement(text)
  })

  test.each(cases)('%s, %s, recomputed', async (_name, _taken, text) => {
    await expectAgreement(text, { recompute: ['mlp'] })
  })

  test('SCAN', async () => {
    const text = program(0, SCAN).replace('<float limit', '<int64[1] zero = {0}, float limit')
    await expectAgreement(text)
    await expectAgreement(text, { recompute: ['mlp'] })
  })
})

test('a branch that is computed again keeps nothing of its If', () => {
  const { model } = compileProgram(program(0, WITHIN), { recompute: ['mlp'] })
  const forward = [...model.graph.nodes].filter((n) => n.op === 'If' && n.name === '')
  expect(forward.map((n) => n.outputs.length)).toEqual([1])
})

test('a dropped branch keeps nothing of its If', () => {
  const { model } = compileProgram(program(0, WITHIN))
  const forward = [...model.graph.nodes].find((n) => n.name === 'forward/site1')!
  const [, dropped] = forward.subgraphs.find(([name]) => name === 'else_branch')!
  const [inner] = [...dropped.nodes].filter((n) => n.op === 'If')
  expect(inner!.outputs).toHaveLength(1)
  const [, taken] = inner!.subgraphs.find(([name]) => name === 'then_branch')!
  expect([...taken.nodes].map((n) => n.op)).toEqual(['MatMul', 'Tanh'])
})

test('outputs that an operator must have are kept where nobody reads them', () => {
  const split = 'a, b = Split <axis = 1> (x, parts)  y = Neg (a)'
  const { graph } = parseModel(`g (float[2, 4] x) => (float[2, 2] y) <int64[2] parts = {2, 2}> { ${split} }`)
  for (const node of graph.nodes) trimOutputs(node)
  expect([...graph.nodes].map((n) => n.outputs.length)).toEqual([2, 1])
})
