import { describe, expect, it } from 'vitest'
import type { Model } from '../../src/ir.js'
import { parseModel } from '../../src/text.js'
import { canonicalText, expectPass, expectRoundTrip, feed, runModel } from './expect-pass.js'

function removeIdentity(model: Model): void {
  for (const node of [...model.graph.nodes]) {
    if (node.op !== 'Identity') continue
    node.output().replaceAllUsesWith(node.input(0))
    model.graph.removeNode(node)
  }
}

const BEFORE = `g (float[n, 2] x) => (float[n, 2] y) <float[2] b = {1, 2}> {
  i = Identity (x)
  s = Add (i, b)
  y = Relu (s)
}`

describe('expectPass', () => {
  it('compares programs before and after, whatever intermediates are called', () => {
    expectPass(removeIdentity, BEFORE)
      .toBecome(`g (float[n, 2] x) => (float[n, 2] y) <float[2] bias = {1, 2}> {
      sum = Add (x, bias)
      y = Relu (sum)
    }`)
  })

  it('sees a program that stayed', () => {
    expectPass(() => {}, BEFORE).toStay()
    expect(() => expectPass(removeIdentity, BEFORE).toStay()).toThrow()
  })

  it.each([
    ['a constant', BEFORE.replace('{1, 2}', '{1, 3}')],
    ['an operand', BEFORE.replace('Add (i, b)', 'Add (b, i)')],
    ['an operator', BEFORE.replace('Relu', 'Tanh')],
    ['a type', BEFORE.replace('float[n, 2] x', 'float[m, 2] x')],
  ])('tells another %s apart', (_, other) => {
    expect(() => expectPass(() => {}, BEFORE).toBecome(other)).toThrow()
  })

  it('runs a pass of the pipeline on a prepared context', () => {
    const seen: string[] = []
    const pass = {
      name: 'look',
      purpose: '',
      needs: '',
      leaves: '',
      run: (ctx: { notes: string[]; options: { flat: boolean } }) =>
        seen.push(...ctx.notes, String(ctx.options.flat)),
    }
    expectPass(pass, BEFORE, { options: { flat: true }, prepare: (ctx) => ctx.notes.push('prepared') })
    expect(seen).toEqual(['prepared', 'true'])
  })
})

describe('canonicalText', () => {
  it('does not depend on the order of nodes, nested graphs included', () => {
    const program = (body: string): Model =>
      parseModel(`g (bool c, float x) => (float y) <float k = {2}> { ${body} }`)
    const nested = (a: string): string => `y = If (c) <
      then_branch = t () => (r) { r = Mul (${a}, k) }, else_branch = e () => (r2) { r2 = Neg (x) }>`
    const one = program(`a = Exp (x)  z = Sin (x)  ${nested('a')}  u = Cos (z)`)
    const two = program(`p = Sin (x)  q = Exp (x)  u = Cos (p) ${nested('q')}`)
    expect(canonicalText(one)).toBe(canonicalText(two))
    expectRoundTrip(one)
  })
})

describe('runModel', () => {
  it('runs on ONNX Runtime with named feeds', async () => {
    const outputs = await runModel(parseModel(BEFORE), { x: feed('float32', [2, 2], [-5, 1, 2, 3]) })
    expect(outputs).toEqual({ y: { dims: [2, 2], data: [0, 3, 3, 5] } })
  })
})
