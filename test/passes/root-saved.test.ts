/** What the backward keeps: not what follows cheaply from what it keeps anyway. */
import { describe, it } from 'vitest'
import { rootSaved } from '../../passes/gating/root-saved.js'
import type { Model } from '../../src/ir.js'
import { expectPass } from '../helpers/expect-pass.js'

/** Nodes whose first output starts with `d` are the backward's. */
function keepLess(model: Model): void {
  const forward = new Set([...model.graph.nodes].filter((n) => !n.output().name.startsWith('d')))
  rootSaved(model.graph, (n) => !forward.has(n))
}

const program = (outputs: string, body: string): string =>
  `g (float[n, 4] x, float[4, 4] w, float[4] b, float[n, 4] c) => (float[n, 4] y, ${outputs}) <int64[2] flat = {-1, 4}> {
    u = MatMul (x, w)
    ${body}
  }`

describe('rootSaved', () => {
  it('an activation is computed again where its operand is kept', () => {
    const backward = (a: string): string => `du = Mul (u, c)  dw = Gemm <transA = 1> (${a}, c)`
    const outputs = 'float[n, 4] du, float[4, 4] dw'
    expectPass(keepLess, program(outputs, `a = Gelu (u)  y = MatMul (a, w)  ${backward('a')}`)).toBecome(
      program(outputs, `a = Gelu (u)  y = MatMul (a, w)  again = Gelu (u)  ${backward('again')}`),
    )
  })

  it('and kept where that is not', () => {
    const before = program('float[4, 4] dw', 'a = Gelu (u)  y = MatMul (a, w)  dw = Gemm <transA = 1> (a, c)')
    expectPass(keepLess, before).toStay()
  })

  it('through views and other cheap operators', () => {
    const forward = 'a = Gelu (u)  m = Mul (a, u)  v = Reshape (m, flat)  y = MatMul (v, w)'
    const outputs = 'float[n, 4] du, float[4, 4] dw'
    expectPass(
      keepLess,
      program(outputs, `${forward}  du = Mul (u, c)  dw = Gemm <transA = 1> (v, c)`),
    ).toBecome(
      program(
        outputs,
        `${forward}  a2 = Gelu (u)  m2 = Mul (a2, u)  v2 = Reshape (m2, flat)  du = Mul (u, c)  dw = Gemm <transA = 1> (v2, c)`,
      ),
    )
  })

  it('a norm is computed again, its statistics are kept', () => {
    const forward = 'h, mean, inv = LayerNormalization <axis = -1> (u, w0, b)  y = MatMul (h, w)'
    const backward = (h: string): string =>
      `dc = Sub (u, mean)  dn = Mul (dc, inv)  dw = Gemm <transA = 1> (${h}, c)`
    const outputs = 'float[n, 4] dn, float[4, 4] dw'
    const whole = (body: string): string => program(outputs, body).replaceAll('w0', 'b')
    expectPass(keepLess, whole(`${forward}  ${backward('h')}`)).toBecome(
      whole(`${forward}  again = LayerNormalization <axis = -1> (u, w0, b)  ${backward('again')}`),
    )
  })

  it('products are kept', () => {
    const before = program('float[4, 4] dw', 'v = MatMul (u, w)  y = Neg (v)  dw = Gemm <transA = 1> (v, c)')
    expectPass(keepLess, before).toStay()
  })
})
