/** Random draws: taken out for evaluation, never made twice. */
import { describe, expect, it, test } from 'vitest'
import { recomputeRegion } from '../../passes/gating/recompute.js'
import { settle } from '../../passes/randomness.js'
import { keepProbability } from '../../passes/randomness/masks.js'
import { standardOps } from '../../src/ops/index.js'
import { topologicalOrder } from '../../src/order.js'
import { parseModel } from '../../src/text.js'
import { removeDeadNodes } from '../../src/order.js'
import { inferGraph } from '../../src/infer.js'
import { expectPass } from '../helpers/expect-pass.js'

const settled = (text: string) =>
  expectPass((model) => {
    settle(model, standardOps)
    removeDeadNodes(model.graph)
  }, text)

describe('evaluation', () => {
  const half = '<float r = {0.5}, bool t = {1}>'

  it('passes by a Dropout', () => {
    settled(`g (float[4] x) => (float[4] y) ${half} { d = Dropout (x, r, t)  y = Relu (d) }`).toBecome(
      'g (float[4] x) => (float[4] y) { y = Relu (x) }',
    )
  })

  it('sees a mask of ones where somebody else reads it', () => {
    settled(
      `g (float[4] x) => (float[4] y, bool[4] m) ${half} { d, m = Dropout (x, r, t)  y = Relu (d) }`,
    ).toBecome(
      `g (float[4] x) => (float[4] y, bool[4] m) <bool one = {1}, int64[1] n = {4}> {
        y = Relu (x)  m = Expand (one, n)
      }`,
    )
  })

  it('keeps a result of the model, and a nested one', () => {
    settled(`g (float[4] x) => (float[4] y) ${half} { y = Dropout (x, r, t) }`).toBecome(
      'g (float[4] x) => (float[4] y) { y = Identity (x) }',
    )
    const nested = settled(
      `g (float[4] x, bool c) => (float[4] y) ${half} {
        y = If (c) <then_branch = a () => (float[4] p) { p = Dropout (x, r, t) }, else_branch = b () => (float[4] q) { q = Neg (x) }>
      }`,
    )
    expect(nested.text).toContain('p = Identity (x)')
  })

  it('leaves a Dropout to whom feeds its mode', () => {
    settled('g (float[4] x, bool t) => (float[4] y) <float r = {0.5}> { y = Dropout (x, r, t) }').toStay()
  })

  it('takes a mask that is drawn by hand for its expectation', () => {
    settled(
      `g (float[4] x) => (float[4] y) <float p = {0.25}, float s = {0.75}> {
        u = RandomUniformLike (x)  m = GreaterOrEqual (u, p)  f = Cast <to = 1> (m)  d = Mul (x, f)  y = Div (d, s)
      }`,
    ).toBecome(
      `g (float[4] x) => (float[4] y) <float s = {0.75}, float e = {0.75}, int64[1] n = {4}> { f = Expand (e, n)  d = Mul (x, f)  y = Div (d, s) }`,
    )
    settled(
      `g (float[4] x) => (float[4] y) <float z = {0}, float p = {0.25}> {
        u = RandomUniformLike (x)  m = Less (u, p)  d = Where (m, z, x)  y = Relu (d)
      }`,
    ).toBecome('g (float[4] x) => (float[4] y) <float q = {0.75}> { d = Mul (x, q)  y = Relu (d) }')
  })

  it('knows no other draws', () => {
    settled('g (float[4] x) => (float[4] y) { u = RandomNormalLike (x)  y = Add (x, u) }').toStay()
  })
})

test.each([
  ['Bernoulli', '<float[4] q = {0.75, 0.75, 0.75, 0.75}> { m = Bernoulli (q) }', 0.75],
  ['stochastic depth', '<float q = {0.9}> { u = RandomUniformLike (x)  s = Add (q, u)  m = Floor (s) }', 0.9],
  ['less', '<float q = {0.25}> { u = RandomUniformLike (x)  b = Less (u, q)  m = Cast <to = 1> (b) }', 0.25],
  [
    'bound first',
    '<float q = {0.25}> { u = RandomUniformLike (x)  b = Less (q, u)  m = Cast <to = 1> (b) }',
    0.75,
  ],
  [
    'negated',
    '<float q = {0.25}> { u = RandomUniformLike (x)  a = Less (u, q)  b = Not (a)  m = Cast <to = 1> (b) }',
    0.75,
  ],
  [
    'another range',
    '<float q = {0.25}> { u = RandomUniformLike <high = 2.0> (x)  b = Less (u, q)  m = Cast <to = 1> (b) }',
    undefined,
  ],
  ['no draw', '<float q = {0.25}> { b = Less (x, q)  m = Cast <to = 1> (b) }', undefined],
])('probability of a mask: %s', (_, body, expected) => {
  const model = parseModel(`g (float[4] x) => (float[4] m) ${body}`)
  inferGraph(model.graph, model, standardOps)
  const p = keepProbability(model.graph.outputs[0]!)
  if (expected === undefined) expect(p).toBeUndefined()
  else expect(p).toBeCloseTo(expected, 6)
})

describe('recomputation', () => {
  it('repeats a Dropout with its mask, and reads drawn masks again', () => {
    expectPass(
      (model) => {
        const order = topologicalOrder(model.graph)
        const backward = order.at(-1)!
        recomputeRegion(model, standardOps, order.slice(0, -1), (n) => n === backward)
      },
      `g (float[4] x) => (float[4] y) <float r = {0.5}, bool t = {1}> {
        a = Relu (x)  d = Dropout (a, r, t)  u = RandomUniformLike (x)  m = Less (u, r)  e = Exp (d)  y = Where (m, e, d)
      }`,
    ).toBecome(
      `g (float[4] x) => (float[4] y) <float r = {0.5}, bool t = {1}, float zero = {0}, float one = {1}> {
        a = Relu (x)  d, k = Dropout (a, r, t)  u = RandomUniformLike (x)  m = Less (u, r)  e = Exp (d)
        a2 = Relu (x)  w = Where (k, a2, zero)  q = Sub (one, r)  d2 = Div (w, q)  e2 = Exp (d2)
        y = Where (m, e2, d2)
      }`,
    )
  })
})
