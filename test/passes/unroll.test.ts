/** Loops of known length are written out, and compute the same in ONNX Runtime. */
import { describe, expect, it, test } from 'vitest'
import { canonicalise } from '../../passes/canonicalise.js'
import { UNROLLED_NODES } from '../../passes/canonical/unroll.js'
import { allGraphs } from '../../src/order.js'
import { parseModel } from '../../src/text.js'
import { verify } from '../../src/verify.js'
import { contextOf, expectPass, feed, runModel } from '../helpers/expect-pass.js'

const OPSET = '<ir_version: 10, opset_import: ["" : 20]>'
const noise = (n: number): number[] => Array.from({ length: n }, (_, i) => Math.sin(7 * i + 1))

/** Every operator of a program's canonical form, which computes the same. */
async function canonicalOps(text: string): Promise<string[]> {
  const program = text.startsWith('<') ? text : `${OPSET} ${text}`
  const ctx = contextOf(parseModel(program))
  canonicalise.run(ctx)
  verify(ctx.model, 'canonicalise')
  const feeds = Object.fromEntries(
    ctx.model.graph.inputs.map((v) => {
      const shape = v.type!.shape!.map((d) => d.constant ?? 3)
      return [v.name, feed(v.type!.dtype as 'float32', shape, noise(shape.reduce((a, b) => a * b, 1)))]
    }),
  )
  const want = await runModel(parseModel(program), feeds)
  const got = await runModel(ctx.model, feeds)
  for (const [name, { dims, data }] of Object.entries(want)) {
    expect(got[name]!.dims).toEqual(dims)
    data.forEach((x, i) => expect(got[name]!.data[i]).toBeCloseTo(x, 5))
  }
  return allGraphs(ctx.model.graph).flatMap((g) => [...g.nodes].map((n) => n.op))
}

const LOOPS = ['Loop', 'Scan', 'If', 'SequenceMap']

async function expectUnrolled(text: string): Promise<string[]> {
  const ops = await canonicalOps(text)
  expect(ops.filter((op) => LOOPS.includes(op) || op.includes('Sequence'))).toEqual([])
  return ops
}

describe('Loop', () => {
  it('with a constant number of iterations becomes them', () => {
    expectPass(
      canonicalise,
      `${OPSET} g (float[2] x, float[2] w) => (float[2] y) <int64 m = {3}, bool yes = {1}> {
        y = Loop (m, yes, x) <body = b (int64 i, bool go, float[2] a) => (go2, a2) {
          go2 = Identity (go)  a2 = Mul (a, w)
        }>
      }`,
    ).toBecome(
      `${OPSET} g (float[2] x, float[2] w) => (float[2] y) { a = Mul (x, w)  b = Mul (a, w)  y = Mul (b, w) }`,
    )
  })

  it('with a counter that ends it', async () => {
    const ops =
      await expectUnrolled(`g (float[2] x) => (float[2] y) <bool yes = {1}, int64 zero = {0}, int64 two = {2}, int64 five = {5}> {
      n, y = Loop (, yes, zero, x) <body = b (int64 i, bool go, int64 k, float[2] a) => (go2, k2, a2) {
        k2 = Add (k, two)  go2 = Less (k2, five)  f = Cast <to = 1> (k)  e = Add (a, f)  a2 = Sin (e)
      }>
    }`)
    expect(ops.filter((op) => op === 'Sin')).toHaveLength(3)
  })

  it('stacks what iterations return', async () => {
    await expectUnrolled(`g (float[2, 3] x) => (float[2, 3] y, float[2, 2, 3] s) <int64 m = {2}> {
      y, s = Loop (m, , x) <body = b (int64 i, bool go, float[2, 3] a) => (go2, a2, o) {
        go2 = Identity (go)  a2 = Sin (a)  f = Cast <to = 1> (i)  o = Mul (a, f)
      }>
    }`)
  })

  it('that never runs is what it starts from', async () => {
    await expectUnrolled(`g (float[2] x) => (float[2] y, float[0, 2] s) <int64 m = {0}, bool yes = {1}> {
      y, s = Loop (m, yes, x) <body = b (int64 i, bool go, float[2] a) => (bool go2, float[2] a2, float[2] o) {
        go2 = Identity (go)  a2 = Sin (a)  o = Cos (a)
      }>
    }`)
  })

  it('with states that grow, and loops and conditions within', async () => {
    await expectUnrolled(`g (float[2] x) => (float[k] y) <int64 m = {2}, bool yes = {1}, int64 one = {1}, float[2] c = {3, 4}> {
      y = Loop (m, yes, x) <body = b (int64 i, bool go, float[j] a) => (go2, a2) {
        go2 = Identity (go)
        e = Loop (m, yes, a) <body = n (int64 i2, bool go3, float[j] a3) => (go4, a4) { go4 = Identity (go3)  a4 = Sin (a3) }>
        first = Less (i, one)
        d = If (first) <then_branch = t () => (r) { r = Add (x, c) }, else_branch = f () => (s) { s = Mul (x, c) }>
        a2 = Concat <axis = 0> (e, d)
      }>
    }`)
  })

  it('in the opset that it is written in', async () => {
    await expectUnrolled(`<ir_version: 7, opset_import: ["" : 11]> g (float[2, 3, 4] x) => (float[2, 3, 4] y) {
      m = Constant <value = int64 {2}> ()  yes = Constant <value = bool {1}> ()
      y = Loop (m, yes, x) <body = b (int64 i, bool go, float[2, 3, 4] a) => (go2, a2) {
        go2 = Identity (go)  s = Softmax <axis = 1> (a)  u = Unsqueeze <axes = [0]> (s)  a2 = Squeeze <axes = [0]> (u)
      }>
    }`)
  })

  const open = (
    head: string,
    condition: string,
  ) => `g (${head}float[2] x, float[2] w) => (float[2] y) <bool yes = {1}> {
    y = Loop (${head ? 'm' : ''}, yes, x) <body = b (int64 i, bool go, float[2] a) => (go2, a2) { a2 = Mul (a, w)  ${condition} }>
  }`
  test.each([
    ['limit', open('int64 m, ', 'go2 = And (go, go)')],
    ['condition', open('', 's = ReduceSum <keepdims = 0> (a2)  p = Sub (s, s)  go2 = Less (p, s)')],
  ])('stays where its %s is open', (_, text) => {
    expectPass(canonicalise, `${OPSET} ${text}`).toStay()
  })

  it('stays where it would be too many nodes, and says so', () => {
    const text = `${OPSET} g (float[2] x) => (float[2] y) <int64 m = {${UNROLLED_NODES}}, bool yes = {1}> {
      y = Loop (m, yes, x) <body = b (int64 i, bool go, float[2] a) => (go2, a2) { go2 = And (go, go)  a2 = Sin (a) }>
    }`
    const { context } = expectPass(canonicalise, text).toStay()
    expect(context.notes).toEqual([
      'Loop "" stays a loop: of 4096 nodes that a loop may be unrolled to, its 4096 iterations would be 8192',
    ])
  })
})

describe('Scan', () => {
  it('of known length becomes its iterations', async () => {
    await expectUnrolled(`g (float[4] h, float[3, 4] x, float[4, 4] w) => (float[4] s, float[3, 4] r) {
      s, r = Scan <num_scan_inputs = 1> (h, x) <body = b (float[4] a, float[4] e) => (a2, o) {
        p = MatMul (a, w)  z = Add (p, e)  a2 = Tanh (z)  o = Mul (a2, e)
      }>
    }`)
  })

  it('along other axes and backwards', async () => {
    await expectUnrolled(`g (float[2] h, float[2, 3] x, float[3, 2] w) => (float[2] s, float[2, 3] r, float[3, 2] u) {
      s, r, u = Scan <num_scan_inputs = 2, scan_input_axes = [-1, 0], scan_input_directions = [1, 0],
        scan_output_axes = [-1, 0], scan_output_directions = [0, 1]> (h, x, w)
        <body = b (float[2] a, float[2] e, float[2] f) => (a2, o, v) {
          z = Mul (a, e)  a2 = Add (z, f)  o = Exp (a2)  v = Mul (a, f)
        }>
    }`)
  })

  it('of one element needs no split', async () => {
    const ops = await expectUnrolled(`g (float[4] h, float[1, 4] x) => (float[4] s) {
      s = Scan <num_scan_inputs = 1> (h, x) <body = b (float[4] a, float[4] e) => (a2) { a2 = Add (a, e) }>
    }`)
    expect(ops).toEqual(['Squeeze', 'Add'])
  })
})

describe('lists', () => {
  it('a SequenceMap becomes its applications', async () => {
    const ops = await expectUnrolled(`g (float[2, 4] x, float[2, 1] z) => (float[2, 4] y) <int64 one = {1}> {
      l = SplitToSequence <axis = 1> (x, one)
      m, n = SequenceMap (l, l, z) <body = b (float[2, 1] p, float[2, 1] q, float[2, 1] c) => (float[2, 1] r, float[2, 1] s) {
        r = Add (p, c)  s = Mul (q, r)
      }>
      y = ConcatFromSequence <axis = 1> (n)
    }`)
    expect(ops.filter((op) => op === 'Mul')).toHaveLength(4)
  })

  it('that a loop of known length fills are what it was filled with', async () => {
    await expectUnrolled(`g (float[2] x) => (float[2, 3] y) <int64 m = {3}, bool yes = {1}> {
      none = SequenceEmpty ()
      h, l = Loop (m, yes, x, none) <body = b (int64 i, bool go, float[2] a, seq(float[2]) k) => (go2, a2, k2) {
        go2 = Identity (go)  a2 = Sin (a)  k2 = SequenceInsert (k, a2)
      }>
      y = ConcatFromSequence <axis = 1, new_axis = 1> (l)
    }`)
  })

  test.each(['axis = 0, new_axis = 1', 'axis = -1, new_axis = 1', 'axis = 0', 'axis = 1'])(
    'that a loop of open length fills are stacked: %s',
    async (how) => {
      const ops =
        await canonicalOps(`g (float[t, 2] x, float[2, 2] w) => (y) <int64 zero = {0}, int64 last = {-1}, bool yes = {1}> {
        s = Shape (x)  m = Gather (s, zero)  none = SequenceEmpty ()
        h, l = Loop (m, yes, w, none) <body = b (int64 i, bool go, float[2, 2] a, seq(float[2, 2]) k) => (go2, a2, k2) {
          go2 = Identity (go)  e = Gather (x, i)  p = MatMul (a, w)  a2 = Add (p, e)  k2 = SequenceInsert (k, a2)
        }>
        j = ConcatFromSequence <${how}> (l)  q = SequenceAt (l, last)  n = SequenceLength (l)  f = Cast <to = 1> (n)
        r = ReduceSum <keepdims = 0> (q)  z = Mul (j, r)  y = Mul (z, f)
      }`)
      expect(ops.filter((op) => op.includes('Sequence'))).toEqual([])
      expect(ops).toContain('Loop')
    },
  )

  it('a position beyond the list is an error', () => {
    const text = `${OPSET} g (float[2] x) => (float[2] y) <int64 at = {2}> {
      l = SequenceConstruct (x, x)  e = SequenceAt (l, at)  y = Relu (e)
    }`
    expect(() => expectPass(canonicalise, text)).toThrow('expected a position in a list of 2, got 2')
  })
})
