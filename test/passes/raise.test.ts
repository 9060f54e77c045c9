/** Raising: what each exporter writes becomes one operator, and computes what it computed. */
import { describe, expect, it } from 'vitest'
import { cloneModel } from '../../src/clone.js'
import { bindInputDims } from '../../src/infer.js'
import type { Model } from '../../src/ir.js'
import { standardOps } from '../../src/ops/index.js'
import { allGraphs } from '../../src/order.js'
import { attachLoss } from '../../passes/attach-loss.js'
import { canonicalise } from '../../passes/canonicalise.js'
import { foldConstants } from '../../passes/fold-constants.js'
import { inferTypes } from '../../passes/infer-types.js'
import { lowerModel } from '../../passes/lower.js'
import { raise, raiseModel } from '../../passes/raise.js'
import { recoverParameters } from '../../passes/recover-parameters.js'
import { contextOf, expectPass, feed, runModel, type Feed } from '../helpers/expect-pass.js'
import { load, modelNames, reference } from '../helpers/source-models.js'

/** A model as raise finds it. */
function prepared(name: string, withLoss = false): Model {
  const ctx = contextOf(load(name))
  for (const pass of [canonicalise, inferTypes, foldConstants, recoverParameters]) pass.run(ctx)
  if (withLoss) attachLoss.run(ctx)
  return ctx.model
}

function difference(a: readonly number[], b: readonly number[]): number {
  return Math.max(...a.map((x, i) => Math.abs(x - b[i]!))) / Math.max(...b.map(Math.abs))
}

/** Raises and lowers a program; both ways give the same results. */
async function expectSame(program: string, feeds: Record<string, Feed>): Promise<Model> {
  const { model } = expectPass(bindInputDims, program)
  const raised = cloneModel(model)
  raiseModel(raised, standardOps)
  const lowered = cloneModel(raised)
  lowerModel(lowered, standardOps)
  const [before, after] = [await runModel(model, feeds), await runModel(lowered, feeds)]
  for (const name of Object.keys(before)) {
    expect(after[name]!.dims).toEqual(before[name]!.dims)
    expect(difference(after[name]!.data, before[name]!.data)).toBeLessThan(1e-5)
  }
  return raised
}

function wave(...dims: number[]): Feed {
  const size = dims.reduce((n, d) => n * d, 1)
  return feed(
    'float32',
    dims,
    Array.from({ length: size }, (_, i) => Math.sin(1.7 * i + dims.length)),
  )
}

describe('test models', () => {
  const layers = { attention: 2 }
  const llama = { ...layers, normalization: 5, rotary: 4, activation: 2, swiglu: 2 }
  const expected: Record<string, Record<string, number>> = {
    bert: layers,
    gpt2: { ...layers, activation: 2 },
    gpt2_external: { ...layers, activation: 2 },
    gpt2_static: { ...layers, activation: 2 },
    gpt2_ts17: { ...layers, activation: 2 },
    llama,
    llama_ts17: llama,
    llama_ts17_left: llama,
    parallel: layers,
  }

  it('are all here', () => expect([...modelNames].sort()).toEqual(Object.keys(expected).sort()))

  it.each(modelNames)('%s', (name) => {
    const { counts, declined } = raiseModel(prepared(name, true), standardOps)
    expect(Object.fromEntries(counts)).toEqual(expected[name])
    expect(declined.map((d) => d.reason)).toEqual([])
  })

  it.each(modelNames)('%s computes the same', async (name) => {
    const model = prepared(name)
    const { inputs } = reference(name)
    const before = await runModel(model, inputs)
    raiseModel(model, standardOps)
    lowerModel(model, standardOps)
    const after = await runModel(model, inputs)
    expect(difference(after.logits!.data, before.logits!.data)).toBeLessThan(1e-5)
  })
})

/** softmax(scores)·v of `heads` heads; `scores` is made from `s`, the raw products, by `steps`. */
function attention(steps: string, { inputs = '', constants = '', guard = false } = {}): string {
  const product = guard
    ? 'nan = IsNaN (p0)  p = Where (nan, zero, p0)  y = MatMul (p, v)'
    : 'y = MatMul (p0, v)'
  return `g (float[b, 2, s, 4] q, float[b, 2, s, 4] k, float[b, 2, s, 3] v${inputs}) => (float[b, 2, s, 3] y)
    <float zero = {0}, float half = {0.5}, float eighth = {0.125}, float low = {-3.4028234663852886e38}, float inf = {-inf}${constants}> {
      kt = Transpose <perm = [0, 1, 3, 2]> (k)
      ${steps}
      p0 = Softmax <axis = -1> (scores)
      ${product}
    }`
}

function raised(call: string, inputs = ''): string {
  return `g (float[b, 2, s, 4] q, float[b, 2, s, 4] k, float[b, 2, s, 3] v${inputs}) => (float[b, 2, s, 3] y) {
      y = com.dropbp.Attention ${call}
    }`
}

describe('attention', () => {
  it.each([
    ['on the scores', 'm = MatMul (q, kt)  scores = Mul (m, eighth)'],
    ['divided', 'm = MatMul (q, kt)  scores = Div (m, eight)'],
    ['on the queries', 'qs = Mul (q, eighth)  scores = MatMul (qs, kt)'],
    ['on the keys', 'ks = Mul (kt, eighth)  scores = MatMul (q, ks)'],
    ['shared by both sides', 'qs = Mul (q, quarter)  ks = Mul (kt, half)  scores = MatMul (qs, ks)'],
  ])('with the scale %s', (_, steps) => {
    const before = attention(steps, { constants: ', float eight = {8}, float quarter = {0.25}' })
    expectPass(raise, before).toBecome(raised('<scale = 0.125> (q, k, v)'))
  })

  it('with a bias', () => {
    const inputs = ', float[1, 2, s, s] bias'
    expectPass(raise, attention('m = MatMul (q, kt)  scores = Add (bias, m)', { inputs })).toBecome(
      raised('<scale = 1.0> (q, k, v, bias)', inputs),
    )
  })

  it('declines scores that are no product', () => {
    const { declined } = raiseModel(
      expectPass(() => {}, attention('m = MatMul (q, kt)  scores = Tanh (m)')).model,
      standardOps,
    )
    expect(declined.map((d) => d.reason)).toEqual([
      'not raised to attention: the scores come from Tanh, not from a product',
    ])
  })

  it('declines a mask that is scaled with the scores', () => {
    const steps = 'm = MatMul (q, kt)  a = Add (m, bias)  scores = Mul (a, eighth)'
    const before = attention(steps, { inputs: ', float[s, s] bias' })
    const { counts, declined } = raiseModel(expectPass(() => {}, before).model, standardOps)
    expect([...counts]).toEqual([])
    expect(declined[0]!.reason).toContain('scaled together')
  })

  it('leaves a softmax whose probabilities are read elsewhere', () => {
    const before = attention('scores = MatMul (q, kt)').replace(
      '=> (float[b, 2, s, 3] y)',
      '=> (float[b, 2, s, 3] y, float[b, 2, s, s] p0)',
    )
    expect([...raiseModel(expectPass(() => {}, before).model, standardOps).counts]).toEqual([])
  })
})

describe('masks', () => {
  const sizes = { q: wave(2, 2, 9, 4), k: wave(2, 2, 9, 4), v: wave(2, 2, 9, 3) }
  /** Keys that count; sequence 1 is padded on the left, so that its first queries see nothing. */
  const keep = feed('bool', [2, 1, 1, 9], [1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1])
  const positions = `sh = Shape (q)  n = Gather (sh, two)  r = Range (izero, n, ione)
    j = Unsqueeze (r, a0)  i = Unsqueeze (r, a1)  tri = LessOrEqual (j, i)`
  const constants =
    ', int64 two = {2}, int64 izero = {0}, int64 ione = {1}, int64[1] a0 = {0}, int64[1] a1 = {1}'
  const inputs = ', bool[b, 1, 1, s] keep'
  const only = (model: Model) => [...model.graph.nodes].find((n) => n.op === 'Attention')!

  it('causal: the mask is recognised, nothing else is kept of it', async () => {
    const steps = `${positions}  mask = Where (tri, zero, low)  m = MatMul (q, kt)  scores = Add (m, mask)`
    const node = only(await expectSame(attention(steps, { constants }), sizes))
    expect(node.int('causal', 0)).toBe(1)
    expect(node.inputs.length).toBe(4)
  })

  it('causal, −∞ and a guard that nothing can trigger', async () => {
    const steps = `${positions}  mask = Where (tri, zero, inf)  m = MatMul (q, kt)  scores = Add (m, mask)`
    const node = only(await expectSame(attention(steps, { constants, guard: true }), sizes))
    expect(node.int('causal', 0)).toBe(1)
    expect(node.inputs.length).toBe(4)
  })

  it('causal by scores replaced', async () => {
    const steps = `${positions}  m = MatMul (q, kt)  scores = Where (tri, m, tenk)`
    const node = only(
      await expectSame(attention(steps, { constants: `${constants}, float tenk = {-10000}` }), sizes),
    )
    expect(node.int('causal', 0)).toBe(1)
  })

  it.each([
    ['lowest numbers: blind rows are uniform', 'low', false, 'uniform'],
    ['−∞ and a guard: blind rows are zero', 'inf', true, 'zero'],
  ])('causal with padding by %s', async (_, fill, guard, blind) => {
    const steps = `${positions}  both = And (tri, keep)  mask = Where (both, zero, ${fill})
      m = MatMul (q, kt)  scores = Add (m, mask)`
    const node = only(await expectSame(attention(steps, { constants, inputs, guard }), { ...sizes, keep }))
    expect(node.int('causal', 0)).toBe(1)
    expect(node.string('blind', '')).toBe(blind)
    expect(node.inputs.length).toBe(5)
  })

  it.each([
    ['lowest numbers', 'low', false],
    ['lowest numbers and a guard', 'low', true],
    ['−∞ and a guard', 'inf', true],
  ])('padding by %s', async (_, fill, guard) => {
    const none = feed(
      'bool',
      [2, 1, 1, 9],
      new Array<number>(18).fill(0).map((_x, i) => (i < 9 ? 0 : 1)),
    )
    const steps = `mask = Where (keep, zero, ${fill})  m = MatMul (q, kt)  scores = Add (m, mask)`
    const node = only(await expectSame(attention(steps, { inputs, guard }), { ...sizes, keep: none }))
    expect(node.int('causal', 0)).toBe(0)
    expect(node.inputs.length).toBe(fill === 'inf' ? 5 : 4)
  })

  it('an unknown bias with a guard', async () => {
    const data = Array.from({ length: 81 }, (_, at) => (at < 9 || at % 7 === 0 ? -Infinity : at / 40))
    const before = attention('m = MatMul (q, kt)  scores = Add (m, bias)', {
      inputs: ', float[s, s] bias',
      guard: true,
    })
    const node = only(await expectSame(before, { ...sizes, bias: feed('float32', [9, 9], data) }))
    expect(node.inputs.length).toBe(5)
  })

  it('a mask that lets everything through is none', async () => {
    const steps = `${positions}  all = GreaterOrEqual (i, izero)  mask = Where (all, zero, low)
      m = MatMul (q, kt)  scores = Add (m, mask)`
    expect(only(await expectSame(attention(steps, { constants }), sizes)).inputs.length).toBe(3)
  })

  it('two masks', async () => {
    const steps = `${positions}  m1 = Where (tri, zero, low)  m2 = Where (keep, zero, low)
      m = MatMul (q, kt)  a = Add (m, m1)  scores = Add (a, m2)`
    // Row 0 of sequence 1 would be −∞ throughout: every sequence sees its first key here.
    const first = feed(
      'bool',
      [2, 1, 1, 9],
      Array.from(keep.data, (x, i) => (i % 9 === 0 ? 1 : x)),
    )
    const node = only(await expectSame(attention(steps, { constants, inputs }), { ...sizes, keep: first }))
    expect(node.inputs.length).toBe(4)
  })

  it('layers share what is made of a mask', () => {
    const model = prepared('gpt2_ts17', true)
    raiseModel(model, standardOps)
    const nodes = [...model.graph.nodes].filter((n) => n.op === 'Attention')
    expect(new Set(nodes.map((n) => n.inputs[3])).size).toBe(1)
    expect(new Set(nodes.map((n) => n.inputs[4])).size).toBe(1)
  })
})

describe('heads in groups', () => {
  const program = (
    order: string,
  ): string => `g (float[b, 4, s, 4] q, float[b, 2, s, 4] k, float[b, 2, s, 3] v) => (float[b, 4, s, 3] y)
    <int64[1] a2 = {2}, int64[5] by = {1, 1, 2, 1, 1}, int64[4] ks = {0, 4, -1, 4}, int64[4] vs = {0, 4, -1, 3}> {
      k5 = Unsqueeze (k, ${order})  ke = Expand (k5, by)  kr = Reshape (ke, ks)
      v5 = Unsqueeze (v, ${order})  ve = Expand (v5, by)  vr = Reshape (ve, vs)
      kt = Transpose <perm = [0, 1, 3, 2]> (kr)
      m = MatMul (q, kt)  p = Softmax <axis = -1> (m)  y = MatMul (p, vr)
    }`
  const feeds = { q: wave(2, 4, 5, 4), k: wave(2, 2, 5, 4), v: wave(2, 2, 5, 3) }

  it('are absorbed where the heads of a group lie together', async () => {
    const model = await expectSame(program('a2'), feeds)
    expect([...model.graph.nodes].map((n) => n.op)).toEqual(['Attention'])
  })
})

describe('activations', () => {
  const program = (body: string): string => `g (float[n, 4] x) => (float[n, 4] y)
    <float half = {0.5}, float one = {1}, float two = {2}, float three = {3}, float c = {0.044715}, float s = {0.7978845608},
     float r = {1.4142135}, float ri = {0.70710678}, float cs = {0.035677408}, float q = {1.702}> { ${body} }`
  const tanh = 'y = Gelu <approximate = "tanh"> (x)'
  const exact = 'y = Gelu <approximate = "none"> (x)'
  const silu = 'y = com.microsoft.QuickGelu <alpha = 1.0> (x)'

  it.each([
    [
      'GPT-2',
      tanh,
      `h = Mul (x, half) p = Pow (x, three) m = Mul (p, c) a = Add (x, m) b = Mul (a, s) t = Tanh (b) u = Add (t, one) y = Mul (h, u)`,
    ],
    [
      'a cube of products',
      tanh,
      `x2 = Mul (x, x) x3 = Mul (x2, x) m = Mul (c, x3) a = Add (m, x) b = Mul (s, a) t = Tanh (b) u = Add (one, t) v = Mul (x, u) y = Mul (half, v)`,
    ],
    [
      'gelu_fast',
      tanh,
      `xs = Mul (x, s) xc = Mul (x, c) xx = Mul (xc, x) k = Add (xx, one) b = Mul (xs, k) t = Tanh (b) u = Add (t, one) h = Mul (x, half) y = Mul (h, u)`,
    ],
    [
      'half on the gate',
      tanh,
      `p = Pow (x, three) m = Mul (p, cs) xs = Mul (x, s) b = Add (xs, m) t = Tanh (b) u = Add (t, one) w = Mul (u, half) y = Mul (x, w)`,
    ],
    [
      'erf of a quotient',
      exact,
      `d = Div (x, r) e = Erf (d) u = Add (e, one) m = Mul (x, u) y = Mul (m, half)`,
    ],
    [
      'erf of a product',
      exact,
      `h = Mul (x, half) d = Mul (x, ri) e = Erf (d) u = Add (e, one) y = Mul (h, u)`,
    ],
    ['SiLU', silu, `t = Sigmoid (x) y = Mul (t, x)`],
    [
      'quick GELU',
      'y = com.microsoft.QuickGelu <alpha = 1.702> (x)',
      `b = Mul (x, q) t = Sigmoid (b) y = Mul (x, t)`,
    ],
  ])('%s', async (_, after, body) => {
    expectPass(raise, program(body)).toBecome(`g (float[n, 4] x) => (float[n, 4] y) { ${after} }`)
    await expectSame(program(body), { x: wave(3, 4) })
  })

  it.each([
    ['another slope', `d = Mul (x, half) e = Erf (d) u = Add (e, one) m = Mul (x, u) y = Mul (m, half)`],
    ['no half', `d = Mul (x, ri) e = Erf (d) u = Add (e, one) y = Mul (x, u)`],
    ['another offset', `d = Mul (x, ri) e = Erf (d) u = Add (e, two) m = Mul (x, u) y = Mul (m, half)`],
    ['a gate of another value', `z = Neg (x) t = Sigmoid (z) y = Mul (x, t)`.replace('Neg (x)', 'Exp (x)')],
    ['a plain tanh', `t = Tanh (x) y = Mul (x, t)`],
  ])('leaves %s alone', (_, body) => {
    expect([...raiseModel(expectPass(() => {}, program(body)).model, standardOps).counts]).toEqual([])
  })

  it('within branches and loops too', () => {
    const { model } = expectPass(
      raise,
      `g (float[n, 4] x, bool c, int64 m) => (float[n, 4] y) {
        a = If (c) <then_branch = t () => (r) { r = Sin (x) }, else_branch = e () => (s) { q = Sigmoid (x)  s = Mul (q, x) }>
        y = Loop (m, c, a) <body = b (int64 i, bool go, float[n, 4] h) => (k, z) { k = And (go, go)  p = Sigmoid (h)  z = Mul (h, p) }>
      }`,
    )
    const ops = allGraphs(model.graph).map((g) => [...g.nodes].map((n) => n.op))
    expect(ops).toEqual([['If', 'Loop'], ['Sin'], ['QuickGelu'], ['And', 'QuickGelu']])
  })

  it('a gated SiLU is one operator', async () => {
    const before = `g (float[n, 4] x, float[n, 4] u) => (float[n, 4] y) { t = Sigmoid (x) a = Mul (x, t) y = Mul (a, u) }`
    expectPass(raise, before).toBecome(
      `g (float[n, 4] x, float[n, 4] u) => (float[n, 4] y) { y = com.dropbp.SwiGLU (x, u) }`,
    )
    await expectSame(before, { x: wave(3, 4), u: wave(3, 4) })
  })
})

describe('normalisations', () => {
  const program = (body: string): string => `g (float[n, 4] x, float[4] w) => (float[n, 4] y)
    <float[4] b = {1, 2, 3, 4}, float two = {2}, float one = {1}, float half = {0.5}, float nhalf = {-0.5}, float e = {0.00001}, int64[1] ax = {-1}, int64[1] a1 = {1}> { ${body} }`
  const rms = (form: string): string =>
    program(`p = Pow (x, two) m = ReduceMean <keepdims = 1> (p, ax) a = Add (m, e) ${form}`)

  it.each([
    ['Llama', 's = Sqrt (a) r = Reciprocal (s) h = Mul (x, r) y = Mul (w, h)'],
    ['one over the root', 's = Sqrt (a) r = Div (one, s) h = Mul (x, r) y = Mul (h, w)'],
    ['divided by the root', 's = Sqrt (a) h = Div (x, s) y = Mul (h, w)'],
    ['a power', 'r = Pow (a, nhalf) h = Mul (r, x) y = Mul (h, w)'],
  ])('RMS, %s', async (_, form) => {
    const model = await expectSame(rms(form), { x: wave(3, 4), w: wave(4) })
    expect([...model.graph.nodes].map((n) => n.op)).toEqual(['RMSNorm'])
  })

  it.each([
    [
      'with a bias',
      'q = Mul (d, d) v = ReduceMean <keepdims = 1> (q, a1) a = Add (v, e) s = Sqrt (a) h = Div (d, s) z = Mul (h, w) y = Add (z, b)',
      3,
    ],
    [
      'without',
      'q = Pow (d, two) v = ReduceMean <keepdims = 1> (q, ax) a = Add (v, e) s = Sqrt (a) h = Div (d, s) y = Mul (h, w)',
      2,
    ],
  ])('layer, %s', async (_, form, operands) => {
    const before = program(`m = ReduceMean <keepdims = 1> (x, ax) d = Sub (x, m) ${form}`)
    const model = await expectSame(before, { x: wave(3, 4), w: wave(4) })
    expect([...model.graph.nodes].map((n) => [n.op, n.inputs.length])).toEqual([
      ['LayerNormalization', operands],
    ])
  })

  it.each([
    [
      'another axis',
      'p = Pow (x, two) m = ReduceMean <keepdims = 1> (p, a0) a = Add (m, e) s = Sqrt (a) h = Div (x, s) y = Mul (h, w)',
    ],
    [
      'a mean of another value',
      'z = Neg (x) p = Pow (z, three) m = ReduceMean <keepdims = 1> (p, ax) a = Add (m, e) s = Sqrt (a) h = Div (x, s) y = Mul (h, w)',
    ],
  ])('leaves %s alone', (_, body) => {
    const before = program(body).replace('<float[4] b', '<int64[1] a0 = {0}, float three = {3}, float[4] b')
    expect([...raiseModel(expectPass(() => {}, before).model, standardOps).counts]).toEqual([])
  })
})

describe('rotary embeddings', () => {
  const program = (
    body: string,
  ): string => `g (float[b, 2, s, 4] x, float[1, 1, s, 4] c, float[1, 1, s, 4] n) => (float[b, 2, s, 4] y)
    <int64[1] z = {0}, int64[1] h = {2}, int64[1] e = {9223372036854775807}, int64[1] ax = {3}, int64[1] st = {1}> { ${body} }`
  const after = `g (float[b, 2, s, 4] x, float[1, 1, s, 4] c, float[1, 1, s, 4] n) => (float[b, 2, s, 4] y) { y = com.dropbp.Rotary (x, c, n) }`
  const halves = 'x1 = Slice (x, z, h, ax, st) x2 = Slice (x, h, e, ax, st)'

  it('by slices', async () => {
    const before = program(
      `a = Mul (x, c) ${halves} m = Neg (x2) r = Concat <axis = -1> (m, x1) t = Mul (r, n) y = Add (a, t)`,
    )
    expectPass(raise, before).toBecome(after)
    await expectSame(before, { x: wave(2, 2, 3, 4), c: wave(1, 1, 3, 4), n: wave(1, 1, 3, 4) })
  })

  it('leaves the halves in another order alone', () => {
    const before = program(
      `a = Mul (x, c) ${halves} m = Neg (x1) r = Concat <axis = -1> (m, x2) t = Mul (r, n) y = Add (a, t)`,
    )
    expect([...raiseModel(expectPass(() => {}, before).model, standardOps).counts]).toEqual([])
  })
})
