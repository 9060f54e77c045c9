/**
 * Gated graphs against the flat one, under every mask, in ONNX Runtime. Programs are small: matrices of 3 rows, parameters as
 * inputs `w…`, gates as inputs `k…`, one DropBP node a branch.
 */
import { describe, expect, test } from 'vitest'
import { differentiate } from '../../passes/differentiate.js'
import { gate } from '../../passes/gate.js'
import type { CompileContext, CompileOptions } from '../../passes/pass.js'
import { simplify } from '../../passes/simplify.js'
import { bindInputDims, inferGraph } from '../../src/infer.js'
import { Node } from '../../src/ir.js'
import { DROPBP } from '../../src/ops/dropbp.js'
import { standardOps } from '../../src/ops/index.js'
import { parseModel, printModel } from '../../src/text.js'
import { verify } from '../../src/verify.js'
import { contextOf, expectRoundTrip, feed, runModel } from '../helpers/expect-pass.js'

/** Differentiates a program with respect to its `w` inputs and gates it. */
function compile(text: string, options: Partial<CompileOptions> = {}): CompileContext {
  const model = parseModel(text)
  bindInputDims(model)
  inferGraph(model.graph, model, standardOps)
  const ctx = contextOf(model, options)
  const marks = [...model.graph.nodes].filter((n) => n.qualifiedOp === DROPBP)
  ctx.sites = marks.map((node, index) => ({
    ...{
      name: `site${index}`,
      index,
      layer: index,
      kind: 'mlp',
      branch: node.input(0),
      region: new Set<Node>(),
    },
    ...{ node, keep: node.input(1), sum: node.output().users[0]! },
  }))
  const weights = model.graph.inputs.filter((v) => v.name.startsWith('w'))
  ctx.parameters = weights.map((value) => ({
    ...{ name: value.name, value, trainable: true, initializer: value.name },
    ...{ transposed: false, derived: null, aliases: [] },
  }))
  const loss = model.graph.outputs[0]!
  ctx.loss = { kind: 'output', output: loss, labels: null, labelInput: null }
  for (const pass of [differentiate, gate, simplify]) {
    pass.run(ctx)
    verify(model, pass.name)
  }
  model.graph.outputs.forEach(
    (v, i) => (v.name = i === 0 ? 'loss' : `${ctx.differentiated!.parameters[i - 1]!.name}_grad`),
  )
  for (const v of model.graph.outputs.slice(1)) v.type = { dtype: v.type!.dtype, shape: undefined }
  expectRoundTrip(model)
  return ctx
}

function feeds(ctx: CompileContext, mask: number): Record<string, ReturnType<typeof feed>> {
  const gates = ctx.sites.map((s) => s.keep!)
  const all = ctx.model.graph.inputs.map((v, k) => {
    if (gates.includes(v)) return [v.name, feed('bool', [], [(mask >> gates.indexOf(v)) & 1])] as const
    const shape = v.type!.shape!.map((d) => d.constant ?? 3)
    const size = shape.reduce((a, b) => a * b, 1)
    const values = Array.from({ length: size }, (_, i) => Math.sin(1 + i * 1.7 + k * 2.3))
    return [v.name, feed('float32', shape, values)] as const
  })
  return Object.fromEntries(all)
}

/** Runs gated and flat graph under every mask; what the presence formula says is absent must be empty, all else equal. */
async function expectAgreement(text: string, options: Partial<CompileOptions> = {}): Promise<CompileContext> {
  const [gated, flat] = [compile(text, options), compile(text, { flat: true })]
  const { parameters, presentWhen } = gated.differentiated!
  for (let mask = 0; mask < 1 << gated.sites.length; mask++) {
    const got = await runModel(gated.model, feeds(gated, mask))
    const want = await runModel(flat.model, feeds(flat, mask))
    expect(got.loss!.data[0]).toBeCloseTo(want.loss!.data[0]!, 5)
    for (const p of parameters) {
      const [g, w] = [got[`${p.name}_grad`]!, want[`${p.name}_grad`]!]
      const present = presentWhen.get(p)!.some((term) => term.every((k) => (mask >> k) & 1))
      const where = `${p.name} under mask ${mask.toString(2)}`
      expect(g.data.length, where).toBe(present ? w.data.length : 0)
      g.data.forEach((x, i) => expect(x, where).toBeCloseTo(w.data[i]!, 4))
    }
  }
  return gated
}

function ifs(ctx: CompileContext): string[] {
  return [...ctx.model.graph.nodes].filter((n) => n.op === 'If').map((n) => n.name)
}

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

describe('gated graphs agree with the flat one under every mask', () => {
  test.each(Object.entries({ CHAIN, FROZEN, PARALLEL, SHARED, SPLIT, NESTED }))('%s', async (_, text) => {
    await expectAgreement(text)
  })

  test.each(Object.entries({ CHAIN, FROZEN, PARALLEL, NESTED }))('%s, recomputed', async (_, text) => {
    await expectAgreement(text, { recompute: ['mlp'] })
  })
})

describe('what is gated', () => {
  test('a plain branch is one If forward and one backward', () => {
    expect(ifs(compile(CHAIN)).sort()).toEqual(['backward', 'backward', 'forward/site0', 'forward/site1'])
  })

  test('over a frozen stream the gradient of the stream is computed only where something below is kept', () => {
    const { model } = compile(FROZEN)
    expect(printModel(model)).toContain('And')
  })

  test('a dropped branch keeps nothing: its else returns the branch alone', () => {
    const { model } = compile(CHAIN)
    const forward = [...model.graph.nodes].find((n) => n.name === 'forward/site1')!
    const [, dropped] = forward.subgraphs.find(([name]) => name === 'else_branch')!
    const computed = [...dropped.nodes].map((n) => n.op).filter((op) => op !== 'Identity')
    expect(computed).toEqual(['MatMul', 'Tanh'])
  })
})
