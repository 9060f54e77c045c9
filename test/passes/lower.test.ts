/** Lowering: nothing of the project's own is left, and row factors leave the largest matrix of a step alone. */
import { describe, expect, it } from 'vitest'
import { lower, lowerModel } from '../../passes/lower.js'
import { raiseModel } from '../../passes/raise.js'
import { standardOps } from '../../src/ops/index.js'
import { allGraphs } from '../../src/order.js'
import { parseModel } from '../../src/text.js'
import { expectPass, feed, runModel } from '../helpers/expect-pass.js'

const head = (inputs: string, outputs: string, body: string): string =>
  `g (float[r, 5] g, float[r, 1] s, ${inputs}) => (${outputs}) <int64[2] flat = {-1, 5}, int64[3] open = {1, -1, 5}> {
    scaled = com.dropbp.RowScale (g, s)
    ${body}
  }`

describe('row factors', () => {
  it('leave for the results and the other operands of products', () => {
    expectPass(
      lower,
      head(
        'float[5, 3] w, float[r, 3] x',
        'float[r, 3] dx, float[3, 5] dw',
        `dx = Gemm <transB = 1> (scaled, wt)  dw = Gemm <transA = 1> (x, scaled)`.replace('wt', 'w3'),
      ).replace('float[5, 3] w', 'float[3, 5] w3'),
    )
      .toBecome(`g (float[r, 5] g, float[r, 1] s, float[3, 5] w3, float[r, 3] x) => (float[r, 3] dx, float[3, 5] dw) {
      p = Gemm <transB = 1> (g, w3)
      dx = Mul (p, s)
      xs = Mul (x, s)
      dw = Gemm <transA = 1> (xs, g)
    }`)
  })

  it('leave through views, and as a row where rows are columns', () => {
    expectPass(
      lower,
      head(
        'float[1, r] ones',
        'float[1, 5] db',
        'a = Reshape (scaled, open)  c = Reshape (a, flat)  db = MatMul (ones, c)',
      ),
    )
      .toBecome(`g (float[r, 5] g, float[r, 1] s, float[1, r] ones) => (float[1, 5] db) <int64[2] row = {1, -1}> {
      t = Reshape (s, row)
      o = Mul (ones, t)
      db = MatMul (o, g)
    }`)
  })

  it.each([
    [
      'something else reads the product',
      'float[3, 5] w',
      'float[r, 3] dx, float[r, 5] z',
      'dx = Gemm <transB = 1> (scaled, w)  z = Exp (scaled)',
    ],
    ['both operands are the matrix', 'float[1] u', 'float[5, 5] y', 'y = Gemm <transA = 1> (scaled, scaled)'],
    [
      'a view changes the columns',
      'float[n, 1] w',
      'float[m, n] y',
      'c = Reshape (scaled, col)  y = Gemm <transB = 1> (c, w)',
    ],
  ])('stay where %s', (_, inputs, outputs, body) => {
    const program = head(inputs, outputs, body).replace(
      '<int64[2] flat',
      '<int64[2] col = {-1, 1}, int64[2] flat',
    )
    const { model } = expectPass(lower, program)
    const scale = [...model.graph.nodes].find((n) => n.op === 'Mul')!
    expect(scale.inputs.map((v) => v!.name)).toEqual(['g', 's'])
  })

  it.each([
    ['transA of the matrix', 'y = Gemm <transA = 1> (scaled, x)', 'float[5, 3] y'],
    ['transB of the matrix', 'y = Gemm <transB = 1> (v, scaled)', 'float[2, r] y'],
    ['plain', 'y = MatMul (scaled, w)', 'float[r, 3] y'],
    ['the second operand', 'y = MatMul (u, scaled)', 'float[2, 5] y'],
  ])('compute the same: %s', async (_, body, output) => {
    const program = head('float[r, 3] x, float[2, 5] v, float[5, 3] w, float[2, r] u', output, body)
    const feeds = {
      g: wave(4, 5),
      s: wave(4, 1),
      x: wave(4, 3),
      v: wave(2, 5),
      w: wave(5, 3),
      u: wave(2, 4),
    }
    const plain = parseModel(program.replace('com.dropbp.RowScale', 'Mul'))
    const [moved, direct] = [
      await runModel(expectPass(lower, program).model, feeds),
      await runModel(plain, feeds),
    ]
    moved.y!.data.forEach((x, i) => expect(x).toBeCloseTo(direct.y!.data[i]!, 5))
  })
})

function wave(...dims: number[]) {
  const size = dims.reduce((n, d) => n * d, 1)
  return feed(
    'float32',
    dims,
    Array.from({ length: size }, (_, i) => Math.cos(2.3 * i + size)),
  )
}

describe('composites', () => {
  it('are expanded in nested graphs too', () => {
    const { model } = expectPass(
      lower,
      `g (bool c, float[2, 4] x, float[4] w) => (float[2, 4] y) {
      y = If (c) <then_branch = t () => (a) { a = com.dropbp.RMSNorm <axis = -1, epsilon = 0.001> (x, w) },
        else_branch = e () => (b) { b = com.dropbp.SwiGLU (x, x) }>
    }`,
    )
    const domains = allGraphs(model.graph).flatMap((g) => [...g.nodes].map((n) => n.domain))
    expect(domains.filter((d) => d === 'com.dropbp')).toEqual([])
    expect(domains.length).toBeGreaterThan(6)
  })

  it('keep the names of model outputs', () => {
    const { model } = expectPass(
      lower,
      'g (float[2, 4] x) => (float[2, 4] y) { y = com.dropbp.SwiGLU (x, x) }',
    )
    expect(model.graph.outputs[0]!.name).toBe('y')
  })

  it('are what was raised', () => {
    const program =
      'g (float[2, 4] x, float[2, 4] u) => (float[2, 4] y) { s = Sigmoid (x) a = Mul (x, s) y = Mul (a, u) }'
    const model = parseModel(program)
    expectPass((m) => {
      raiseModel(m, standardOps)
      lowerModel(m, standardOps)
    }, program).toStay()
    expect(model.graph.nodes.size).toBe(3)
  })
})
