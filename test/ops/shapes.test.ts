import { readdirSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { canonicalise } from '../../passes/canonicalise.js'
import { inferTypes } from '../../passes/infer-types.js'
import { Expr } from '../../src/expr.js'
import { loadModel } from '../../src/onnx/index.js'
import { bounds, isMinimumOf, maxOf, minOf } from '../../src/ops/support/shapes.js'
import { formatType } from '../../src/types.js'
import { contextOf, expectPass } from '../helpers/expect-pass.js'

const e = (text: string | number) => Expr.from(text)

describe('bounds of symbolic dimensions', () => {
  it.each([
    ['seq', [0, Infinity]],
    ['seq + 2', [2, Infinity]],
    ['3 - seq', [-Infinity, 3]],
    ['min(seq, 512)', [0, 512]],
    ['max(seq, 4) - 1', [3, Infinity]],
    ['floor(seq / 2)', [0, Infinity]],
    ['2*batch*seq', [0, Infinity]],
  ])('%s', (text, expected) => expect(bounds(e(text))).toEqual(expected))

  it('decide maxima and minima', () => {
    expect(String(maxOf(e('seq'), e(0)))).toBe('seq')
    expect(String(maxOf(e('seq - 1'), e(0), 1))).toBe('seq - 1')
    expect(String(minOf(e('seq'), e('seq + past')))).toBe('seq')
    expect(String(minOf(e('seq'), e(512)))).toBe('min(512,seq)')
  })

  it('tell a table that is cut to length', () => {
    expect(isMinimumOf(e('min(seq, 512)'), e('seq'))).toBe(true)
    expect(isMinimumOf(e('min(seq, 512)'), e('batch'))).toBe(false)
    expect(isMinimumOf(e('min(3, a) + min(4, seq)'), e('seq'))).toBe(false)
  })
})

/** The types that a program's outputs get. */
function outputs(text: string): string[] {
  return expectPass(() => {}, text).model.graph.outputs.map((v) => formatType(v.type))
}

describe('symbolic shapes', () => {
  const slice = (bounds: string, axes = '{1}') =>
    outputs(
      `g (float[batch, seq, 8] x, int64[1] n) => (y) <int64[1] axes = ${axes}, ${bounds}> { y = Slice (x, a, b, axes) }`,
    )

  it.each([
    ['the first', 'int64[1] a = {0}, int64[1] b = {1}', 'float32[batch, 1, 8]'],
    ['the last', 'int64[1] a = {-1}, int64[1] b = {9223372036854775807}', 'float32[batch, 1, 8]'],
    [
      'all but the first',
      'int64[1] a = {1}, int64[1] b = {9223372036854775807}',
      'float32[batch, seq - 1, 8]',
    ],
    ['all but the last', 'int64[1] a = {0}, int64[1] b = {-1}', 'float32[batch, seq - 1, 8]'],
    ['at most four', 'int64[1] a = {0}, int64[1] b = {4}', 'float32[batch, min(4,seq), 8]'],
  ])('a slice takes %s', (_, given, expected) => expect(slice(given)).toEqual([expected]))

  it('a table cut to length broadcasts like what it is added to', () => {
    const text =
      `g (float[batch, seq, 8] x) => (y) <float[1, 512, 8] table = {0}, int64[1] zero = {0}, int64[1] one = {1}> {
      n = Shape <start = 1, end = 2> (x)  t = Slice (table, zero, n, one)  y = Add (x, t)
    }`.replace('= {0}, int64[1] zero', `= {${new Array(4096).fill(0)}}, int64[1] zero`)
    expect(outputs(text)).toEqual(['float32[batch, seq, 8]'])
  })

  it('an expansion by a mask of unknown sizes is followed as TorchScript writes it', () => {
    const text = `g (float[batch, 1, 8] x, float[batch, seq] m) => (y) <
      int64[1] minus = {-1}, int64[3] ones = {1, 1, 1}, int64[1] eight = {8}
    > {
      s = Shape (m)  t = Concat <axis = 0> (s, eight)  isAny = Equal (t, minus)  size = Where (isAny, ones, t)
      y = Expand (x, size)
    }`
    expect(outputs(text)).toEqual(['float32[batch, seq, 8]'])
  })

  it('a reshape divides what is left exactly', () => {
    const text = `g (float[batch, seq, 12, 64] x) => (y) <int64[1] rest = {-1}> {
      b = Shape <start = 0, end = 1> (x)  s = Shape <start = 1, end = 2> (x)
      t = Concat <axis = 0> (b, s, rest)  y = Reshape (x, t)
    }`
    expect(outputs(text)).toEqual(['float32[batch, seq, 768]'])
  })
})

const models = path.join(import.meta.dirname, '../models')

describe('every dimension of an exported model is made of its inputs', () => {
  it.each(readdirSync(models).filter((file) => file.endsWith('.onnx')))('%s', (file) => {
    const ctx = contextOf(loadModel(path.join(models, file)))
    canonicalise.run(ctx)
    inferTypes.run(ctx)
    const types = [...ctx.model.graph.nodes].flatMap((n) => n.outputs).map((v) => formatType(v.type))
    expect(types.filter((t) => /unknown|\?/.test(t))).toEqual([])
  })
})
