/** Folding: shape arithmetic that exporters write as nodes disappears, and nothing that depends on a weight does. */
import { describe, expect, it } from 'vitest'
import type { Model, Node } from '../../src/ir.js'
import { parseModel } from '../../src/text.js'
import { formatType } from '../../src/types.js'
import { verify } from '../../src/verify.js'
import { canonicalise } from '../../passes/canonicalise.js'
import { foldConstants } from '../../passes/fold-constants.js'
import { inferTypes } from '../../passes/infer-types.js'
import { contextOf, expectPass, runModel } from '../helpers/expect-pass.js'
import { load, modelNames, reference } from '../helpers/source-models.js'

/** All passes up to folding. */
function fold(model: Model): void {
  const ctx = contextOf(model)
  for (const pass of [canonicalise, inferTypes, foldConstants]) {
    pass.run(ctx)
    verify(model, pass.name)
  }
}

describe('fold-constants', () => {
  it.each(modelNames)('%s computes the same, and takes shapes of its inputs only', async (name) => {
    const { inputs } = reference(name)
    const model = load(name)
    const before = await runModel(model, inputs)
    fold(model)
    const after = await runModel(model, inputs)
    expect(after.logits!.dims).toEqual(before.logits!.dims)
    expect(difference(after.logits!.data, before.logits!.data)).toBeLessThan(1e-5)
    expect([...model.graph.nodes].filter(takesShapeOfActivation).map((n) => n.name)).toEqual([])
  })

  it('leaves of a TorchScript export about as much as of a dynamo export', () => {
    const [script, dynamo] = ['llama_ts17', 'llama'].map(load) as [Model, Model]
    fold(script)
    fold(dynamo)
    expect(script.graph.nodes.size).toBeLessThanOrEqual(dynamo.graph.nodes.size)
  })

  it('writes targets of Reshape as constants wherever 0 and -1 can say them', () => {
    expectPass(
      fold,
      `g (float[batch, seq, 12] x) => (float[batch, 3, seq, 4] y) <int64 zero = {0}, int64 one = {1}, int64[1] ax = {0}, int64[2] tail = {3, 4}> {
        s = Shape (x)
        b = Gather (s, zero)  n = Gather (s, one)
        bu = Unsqueeze (b, ax)  nu = Unsqueeze (n, ax)
        t = Concat <axis = 0> (bu, nu, tail)
        r = Reshape (x, t)
        y = Transpose <perm = [0, 2, 1, 3]> (r)
      }`,
    ).toBecome(`g (float[batch, seq, 12] x) => (float[batch, 3, seq, 4] y) <int64[4] t = {0, 0, 3, 4}> {
      r = Reshape (x, t)
      y = Transpose <perm = [0, 2, 1, 3]> (r)
    }`)
  })

  it('reads other dimensions off the inputs, each once', () => {
    expectPass(
      fold,
      `g (int64[batch, seq] ids, float[4] w) => (float[batch, seq, 4] y, float[seq, 4] z) <int64[1] four = {4}, int64 one = {1}> {
        e = Cast <to = 1> (ids)  s = Shape (e)
        t = Concat <axis = 0> (s, four)
        y = Expand (w, t)
        n = Shape <start = 1> (ids)  u = Concat <axis = 0> (n, four)
        z = Expand (w, u)
      }`,
    )
      .toBecome(`g (int64[batch, seq] ids, float[4] w) => (float[batch, seq, 4] y, float[seq, 4] z) <int64[1] o = {1}> {
      b = Shape <start = 0, end = 1> (ids)  n = Shape <start = 1, end = 2> (ids)
      t = Concat <axis = 0> (b, n, o)
      u = Concat <axis = 0> (n, o)
      y = Expand (w, t)
      z = Expand (w, u)
    }`)
  })

  it('drops movement that moves nothing', () => {
    expectPass(
      fold,
      `g (float[n, 4] x) => (float[n, 4] y) <int64[2] t = {-1, 4}, int64[2] e = {1, 4}, int64[1] zero = {0}, int64[1] ax = {1}, float one = {1}> {
        s = Shape <start = 1> (x)
        a = Reshape (x, t)  b = Expand (a, e)  c = Slice (b, zero, s, ax)
        d = Cast <to = 1> (c)  f = Mul (d, one)  h = Transpose <perm = [0, 1]> (f)  k = Concat <axis = 0> (h)
        y = Relu (k)
      }`,
    ).toBecome('g (float[n, 4] x) => (float[n, 4] y) { y = Relu (x) }')
  })

  it('computes constant subgraphs, but none that a weight goes into', () => {
    expectPass(
      fold,
      `g (float[2] x) => (float[2] y) <float[2] w = {1, 2}> {
        c = Constant <value = float[2] {3, 4}> ()
        k = Constant <value_float = 2.0> ()
        d = Mul (c, k)  e = Mul (w, k)
        f = Add (d, e)  y = Add (f, x)
      }`,
    ).toBecome(`g (float[2] x) => (float[2] y) <float[2] w = {1, 2}, float k = {2}, float[2] d = {6, 8}> {
      e = Mul (w, k)  f = Add (d, e)  y = Add (f, x)
    }`)
  })

  it('takes the branch of an If that shapes decide', () => {
    expectPass(
      fold,
      `g (float[n, 4] x) => (float[n, 4] y) <int64 four = {4}, int64 one = {1}> {
        r = Relu (x)  s = Shape (r)  d = Gather (s, one)  c = Equal (d, four)
        y = If (c) <then_branch = t () => (a) { a = Neg (r) }, else_branch = e () => (b) { b = Abs (r) }>
      }`,
    ).toBecome('g (float[n, 4] x) => (float[n, 4] y) { r = Relu (x)  y = Neg (r) }')
  })

  it('follows a table cut from its end to the length of the scores', () => {
    const model =
      parseModel(`g (float[n, seq, seq] x) => (float[n, seq, seq] y) <float[1, 9] bias = {0, 1, 2, 3, 4, 5, 6, 7, 8}, int64[1] zero = {0}, int64[1] nine = {9}, int64[1] all = {99}, int64[1] last = {-1}> {
      s = Shape <start = 2> (x)  d = Sub (nine, s)  from = Max (d, zero)
      cut = Slice (bias, from, all, last)
      y = Add (x, cut)
    }`)
    fold(model)
    expect(formatType(model.graph.outputs[0]!.type)).toBe('float32[n, seq, seq]')
  })

  it('keeps a Reshape whose dimensions only the data tells', () => {
    const model = parseModel(`g (bool[n] m) => (int64[k] y) <int64[1] all = {-1}> {
      i = NonZero (m)  y = Reshape (i, all)
    }`)
    fold(model)
    expect([...model.graph.nodes].map((n) => n.op)).toEqual(['NonZero', 'Reshape'])
  })
})

function takesShapeOfActivation(node: Node): boolean {
  return (node.op === 'Shape' || node.op === 'Size') && node.input(0).producer !== null
}

/** The largest difference. */
function difference(a: readonly number[], b: readonly number[]): number {
  return a.reduce((most, x, i) => Math.max(most, Math.abs(x - b[i]!)), 0)
}
