/** Half-precision programs in float32, and operators that are cast because ONNX Runtime lacks a kernel. */
import { describe, expect, it } from 'vitest'
import { castWhereNoKernel } from '../../passes/lowering/kernels.js'
import { masters } from '../../passes/masters.js'
import { widen } from '../../passes/widen.js'
import { standardOps } from '../../src/ops/index.js'
import type { CompileContext, Parameter } from '../../passes/pass.js'
import { expectPass } from '../helpers/expect-pass.js'

describe('widening', () => {
  it('makes float32 of constants, of casts and of what lies between', () => {
    expectPass(
      widen,
      `g (float[2] x) => (float[2] y) <float16[2] w = {0.5, -2}> {
        h = Cast <to = 10> (x)  p = Mul (h, w)  y = Cast <to = 1> (p)
      }`,
    ).toBecome('g (float[2] x) => (float[2] y) <float[2] w = {0.5, -2}> { y = Mul (x, w) }')
  })

  it('leaves a float16 input what it is, and makes a bfloat16 one float32', () => {
    expectPass(
      widen,
      'g (float16[2] x, bfloat16[2] z) => (float16[2] y, bfloat16[2] u) { y = Relu (x)  u = Neg (z) }',
    ).toBecome(
      'g (float16[2] x, float[2] z) => (float[2] y, float[2] u) { a = Cast <to = 1> (x)  y = Relu (a)  u = Neg (z) }',
    )
  })

  it('reaches nested graphs, and types that attributes name', () => {
    expectPass(
      widen,
      `g (bool c, float[2] x) => (float[2] y) {
        h = Cast <to = 10> (x)
        r = If (c) <then_branch = t () => (float16[2] a) { a = RandomUniformLike <dtype = 10> (h) },
                    else_branch = e () => (float16[2] b) { b = Neg (h) }>
        y = Cast <to = 1> (r)
      }`,
    ).toBecome(
      `g (bool c, float[2] x) => (float[2] y) {
        y = If (c) <then_branch = t () => (float[2] a) { a = RandomUniformLike <dtype = 1> (x) },
                    else_branch = e () => (float[2] b) { b = Neg (x) }>
      }`,
    )
  })

  it('leaves other types alone', () => {
    expectPass(
      widen,
      'g (double[2] x) => (float[2] y) { h = Cast <to = 11> (x)  y = Cast <to = 1> (h) }',
    ).toStay()
  })

  it('leaves everything alone where the source computes in its own type', () => {
    expectPass(widen, 'g (float16[2] x) => (float16[2] y) { y = Relu (x) }', {
      options: { precision: 'source' },
    }).toStay()
  })

  it('is noted', () => {
    const { context } = expectPass(widen, 'g (float16[2] x) => (float16[2] y) { y = Relu (x) }')
    expect(context.notes).toEqual([
      "float16 is computed in float32; --precision source computes in the source's types",
    ])
  })
})

describe('masters', () => {
  const program =
    'g (float16[2] x) => (float16[2] y) <float16[2] w = {0.5, -2}> { a = Mul (x, w)  y = Add (a, w) }'
  const parameter =
    (trainable: boolean) =>
    (ctx: CompileContext): void => {
      const value = [...ctx.model.graph.initializers][0]!
      const p: Parameter = {
        name: 'w',
        value,
        trainable,
        sourceType: 'float16',
        initializer: 'w',
        transposed: false,
        derived: null,
        aliases: [],
      }
      ctx.parameters.push(p)
    }

  it('are cast once', () => {
    const { context } = expectPass(masters, program, { prepare: parameter(true) }).toBecome(
      'g (float16[2] x) => (float16[2] y) <float[2] w = {0.5, -2}> { h = Cast <to = 10> (w)  a = Mul (x, h)  y = Add (a, h) }',
    )
    expect([context.scalesLoss, context.arithmetic]).toEqual([true, 'float16'])
    expect(context.parameters[0]!.value.type?.dtype).toBe('float32')
  })

  it('are not made of frozen weights', () => {
    expectPass(masters, program, { prepare: parameter(false) }).toStay()
  })
})

describe('kernels that ONNX Runtime lacks', () => {
  const cast = (text: string) => expectPass((model) => castWhereNoKernel(model, standardOps), text)

  it('of float64 are those of float32', () => {
    cast('g (double[2] x) => (double[2] y) { y = Erf (x) }').toBecome(
      'g (double[2] x) => (double[2] y) { a = Cast <to = 1> (x)  b = Erf (a)  y = Cast <to = 11> (b) }',
    )
  })

  it('that the runtime would fuse are spelt out', () => {
    cast('g (double[2] x) => (double[2] y) { s = Sigmoid (x)  y = Mul (x, s) }').toBecome(
      `g (double[2] x) => (double[2] y) <double one = {1}> {
        n = Neg (x)  e = Exp (n)  d = Add (e, one)  s = Reciprocal (d)  y = Mul (x, s)
      }`,
    )
  })

  it('sum scattered halves in float32', () => {
    cast(
      'g (float16[4] x, int64[2, 1] i, float16[2] u) => (float16[4] y) { y = ScatterND <reduction = "add"> (x, i, u) }',
    ).toBecome(
      `g (float16[4] x, int64[2, 1] i, float16[2] u) => (float16[4] y) {
        a = Cast <to = 1> (x)  b = Cast <to = 1> (u)  s = ScatterND <reduction = "add"> (a, i, b)  y = Cast <to = 10> (s)
      }`,
    )
  })

  it('are left alone where there is one', () => {
    cast('g (float[2] x) => (float[2] y) { y = Erf (x) }').toStay()
    cast('g (double[2] x) => (double[2] y) { y = Tanh (x) }').toStay()
  })
})
