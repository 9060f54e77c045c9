/** Types of whole models, and everything that stands in their way at once. */
import { describe, expect, it } from 'vitest'
import { CompileError } from '../../src/errors.js'
import { allGraphs } from '../../src/order.js'
import { parseModel } from '../../src/text.js'
import { formatType } from '../../src/types.js'
import { canonicalise } from '../../passes/canonicalise.js'
import { inferTypes } from '../../passes/infer-types.js'
import { contextOf } from '../helpers/expect-pass.js'
import { load, modelNames } from '../helpers/source-models.js'

describe('infer-types', () => {
  it.each(modelNames)('types every value of %s, rank included', (name) => {
    const ctx = contextOf(load(name))
    canonicalise.run(ctx)
    inferTypes.run(ctx)
    const untyped = allGraphs(ctx.model.graph)
      .flatMap((g) => [...g.nodes].flatMap((n) => n.outputs))
      .filter((v) => !v.type?.shape)
    expect(untyped.map((v) => v.name)).toEqual([])
    expect([...ctx.model.dimSources.values()].every(({ value }) => value.owner === ctx.model.graph)).toBe(
      true,
    )
  })

  it('knows where every dimension is read', () => {
    const ctx = contextOf(
      parseModel(
        'g (float[batch, seq, 4] x, bool[batch, other] m) => (float[k, 4] y) { s = Transpose <perm = [1, 0, 2]> (x)  y = Flatten <axis = 2> (s) }',
      ),
    )
    inferTypes.run(ctx)
    const { model } = ctx
    expect(formatType(model.graph.outputs[0]!.type)).toBe('float32[batch*seq, 4]')
    expect([...model.dimSources].map(([dim, { value, axis }]) => `${dim}: ${value.name}.${axis}`)).toEqual([
      'batch: x.0',
      'seq: x.1',
      'other: m.1',
    ])
  })

  it('knows a length again that a convolution left', () => {
    const ctx = contextOf(
      parseModel(`g (float[n, 1, length] x) => (float[n, 1, m] y)
        <float[1, 1, 5] w = {1, 2, 3, 4, 5}, int64 zero = {0}, int64 one = {1}, int64 two = {2}> {
        c = Conv <kernel_shape = [5], strides = [2]> (x, w)
        s = Shape (c)  l = Gather (s, two)  r = Range (zero, l, one)  f = Cast <to = 1> (r)
        y = Add (c, f)
      }`),
    )
    inferTypes.run(ctx)
    const [c, y] = ['c', 'y'].map((name) => {
      const value = [...ctx.model.graph.nodes].flatMap((n) => n.outputs).find((v) => v.name === name)
      return formatType(value!.type)
    })
    expect(c).toBe('float32[n, 1, max(0,floor((length-5)/2)+1)]')
    expect(y).toBe(c)
  })

  it('names every unsupported operator at once', () => {
    const ctx = contextOf(
      parseModel(`g (float[2] x) => (float[2] y) {
        ["/up/sample"] a = my.Sample (x)
        b = my.Sample (a)
        ["/head/odd/Strange"] c = Strange (b)
        y = Neg (c)
      }`),
    )
    canonicalise.run(ctx)
    const run = (): void => inferTypes.run(ctx)
    expect(run).toThrow(CompileError)
    expect(run).toThrowErrorMatchingInlineSnapshot(`
      [CompileError: the compiler has no definition of 2 operators of this model:
        my::Sample: 2 nodes: "/up/sample" in up, unnamed, of output "b"
        Strange: 1 node: "/head/odd/Strange" in head.odd
      Export the model without them, or define them: dropbp-compile --rules <module>, or table.with({ ... }) from a program.]
    `)
  })

  it.each([
    ['y = ImageDecoder (x)', /ImageDecoder: .*decode images before the model/],
    ['y = ai.onnx.ml.TreeEnsemble (x)', /TreeEnsemble: .*not trained by gradients/],
    ['y = ai.onnx.preview.training.Adam (x)', /Adam: .*give it the inference model/],
  ])('says why there is no definition: %s', (body, reason) => {
    const ctx = contextOf(parseModel(`g (uint8[n] x) => (uint8[n] y) { ${body} }`))
    expect(() => inferTypes.run(ctx)).toThrow(reason)
  })

  it('refuses an input that is a list', () => {
    const ctx = contextOf(parseModel('g (float[2] x) => (float[2] y) { y = Neg (x) }'))
    ctx.model.graph.inputs[0]!.type = { dtype: 'other' }
    expect(() => inferTypes.run(ctx)).toThrow(expect.objectContaining({ code: 'input-not-tensor' }))
  })
})
