/** Model-local functions: expanded models compute in ONNX Runtime what ONNX Runtime makes of the functions itself. */
import { describe, expect, test } from 'vitest'
import { canonicalise } from '../../passes/canonicalise.js'
import type { Model } from '../../src/ir.js'
import { allGraphs } from '../../src/order.js'
import { parseModel } from '../../src/text.js'
import { verify } from '../../src/verify.js'
import { contextOf, feed, runModel, type Feed } from '../helpers/expect-pass.js'

const IMPORTS = '<ir_version: 10, opset_import: ["" : 20, "f" : 1]>'

function expand(text: string): Model {
  const model = parseModel(text)
  canonicalise.run(contextOf(model))
  verify(model, 'canonicalise')
  return model
}

const operators = (model: Model): string[] =>
  allGraphs(model.graph).flatMap((g) => [...g.nodes].map((n) => n.qualifiedOp))

/** A main graph and its functions, in the domain `f` and opset 20 unless they say otherwise. */
function program(graph: string, ...functions: string[]): string {
  const written = functions.map((f) =>
    f.startsWith('<') ? f : `<domain: "f", opset_import: ["" : 20, "f" : 1]> ${f}`,
  )
  return [`${IMPORTS} ${graph}`, ...written].join('\n')
}

const CASES: Record<string, string> = {
  'one that is called twice': program(
    'g (float[2, 3] x) => (float[2, 3] y) { a = f.Twice (x)  y = f.Twice (a) }',
    'Twice (a) => (b) { t = Mul (a, a)  b = Add (t, a) }',
  ),
  'attributes passed down under other names': program(
    'g (float[2, 3] x) => (float[2, 3] y) { y = f.Outer <alpha = 0.5, to = 1> (x) }',
    'Outer <alpha, to> (a) => (b) { t = f.Inner <slope: float = @alpha> (a)  b = Cast <to: int = @to> (t) }',
    'Inner <slope> (a) => (b) { b = LeakyRelu <alpha: float = @slope> (a) }',
  ),
  'attributes with defaults, given and not': program(
    'g (float[2, 3] x) => (float[2, 3] y) { a = f.Leak (x)  b = f.Leak <alpha = 0.75> (x)  y = Mul (a, b) }',
    'Leak <alpha: float = 0.25> (a) => (b) { b = LeakyRelu <alpha: float = @alpha> (a) }',
  ),
  'an attribute that the call leaves to the operator': program(
    'g (float[2, 3] x) => (float[2, 3] y) { y = f.Leak (x) }',
    'Leak <alpha> (a) => (b) { b = LeakyRelu <alpha: float = @alpha> (a) }',
  ),
  'constants from attributes': program(
    'g (float[2, 3] x) => (float[2, 3] y) { y = f.Scaled <by = 3.0, axes = [1]> (x) }',
    'Scaled <by, axes> (a) => (b) { c = Constant <value_float: float = @by> ()  k = Constant <value_ints: ints = @axes> ()  s = ReduceSum (a, k)  t = Mul (a, c)  b = Add (t, s) }',
  ),
  'attributes within a branch': program(
    'g (float[2, 3] x, bool c) => (float[2, 3] y) { y = f.Choose <alpha = 0.5> (x, c) }',
    `Choose <alpha> (a, c) => (b) {
      b = If (c) <then_branch = t () => (r) { r = LeakyRelu <alpha: float = @alpha> (a) }, else_branch = e () => (s) { s = f.Minus (a) }>
    }`,
    'Minus (a) => (b) { b = Neg (a) }',
  ),
  'calls within a branch and a loop': program(
    `g (float[2, 3] x, bool c, int64 m) => (float[2, 3] y) {
      a = If (c) <then_branch = t () => (r) { r = f.Twice (x) }, else_branch = e () => (s) { s = Neg (x) }>
      y = Loop (m, , a) <body = b (int64 i, bool go, float[2, 3] h) => (go2, h2) { go2 = Identity (go)  h2 = f.Twice (h) }>
    }`,
    'Twice (a) => (b) { t = Sin (a)  b = Add (t, a) }',
  ),
  'several results, one of them unread, one an operand': program(
    'g (float[2, 3] x) => (float[2, 3] y) { a, b, c = f.Three (x)  y = Mul (a, c) }',
    'Three (a) => (p, q, r) { p = Exp (a)  q = Neg (a)  r = Identity (a) }',
  ),
  'results that are the results of the model': program(
    'g (float[2, 3] x) => (float[2, 3] y, float[2, 3] z) { y, z = f.Pair (x) }',
    'Pair (a) => (p, q) { p = Exp (a)  q = Neg (p) }',
  ),
  'an operand left out in the middle': program(
    'g (float[2, 3] x, float high) => (float[2, 3] y) { y = f.Bound (x, , high) }',
    'Bound (a, low, high) => (b) { b = Clip (a, low, high) }',
  ),
  'functions of another domain': program(
    'g (float[2, 3] x) => (float[1, 1] y) { y = f.Total (x) }',
    '<domain: "f", opset_import: ["" : 20, "h" : 1]> Total (a) => (b) { t = h.Minus (a)  b = ReduceMean (t) }',
    '<domain: "h", opset_import: ["" : 20]> Minus (a) => (b) { b = Neg (a) }',
  ).replace('"f" : 1]', '"f" : 1, "h" : 1]'),
}

function feeds(model: Model): Record<string, Feed> {
  const arrays = model.graph.inputs.map((v) => {
    const shape = v.type!.shape!.map((d) => d.constant!)
    const size = shape.reduce((a, b) => a * b, 1)
    const values =
      v.type!.dtype === 'float32' ? Array.from({ length: size }, (_, i) => Math.sin(1 + 7 * i)) : [1]
    return [v.name, feed(v.type!.dtype as 'float32', shape, values)] as const
  })
  return Object.fromEntries(arrays)
}

describe('functions are expanded:', () => {
  test.each(Object.entries(CASES))('%s', async (_, text) => {
    const model = expand(text)
    expect(operators(model).filter((op) => op.startsWith('f::') || op.startsWith('h::'))).toEqual([])
    expect(model.functions).toEqual([])
    const given = feeds(model)
    const [got, want] = [await runModel(model, given), await runModel(parseModel(text), given)]
    for (const [name, { dims, data }] of Object.entries(want)) {
      expect(got[name]!.dims).toEqual(dims)
      data.forEach((x, i) => expect(got[name]!.data[i]).toBeCloseTo(x, 6))
    }
  })
})

describe('refused:', () => {
  test('one that calls itself, within a branch', () => {
    const text = program(
      'g (float[2] x, bool c) => (float[2] y) { y = f.A (x, c) }',
      'A (a, c) => (b) { b = If (c) <then_branch = t () => (r) { r = f.A (a, c) }, else_branch = e () => (s) { s = Neg (a) }> }',
    )
    expect(() => expand(text)).toThrow('function "A" calls itself (A → A)')
  })

  test('functions that double thirty times over', () => {
    const chain = Array.from(
      { length: 30 },
      (_, i) => `F${i + 1} (a) => (b) { t = f.F${i} (a)  b = f.F${i} (t) }`,
    )
    const text = program(
      'g (float[2] x) => (float[2] y) { y = f.F30 (x) }',
      'F0 (a) => (b) { b = Neg (a) }',
      ...chain,
    )
    expect(() => expand(text)).toThrow('would expand to more than 1000000 nodes')
  })
})
