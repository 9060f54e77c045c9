import { describe, expect, it } from 'vitest'
import { canonicalise } from '../../passes/canonicalise.js'
import { expectPass } from '../helpers/expect-pass.js'

const OPSET = '<ir_version: 10, opset_import: ["" : 20]>'
const program = (body: string, outputs = 'float[n, 4] y', constants = '') =>
  `${OPSET} g (float[n, 4] x, float[n, 4] z) => (${outputs}) <${constants}> { ${body} }`

/** Canonicalisation replaces what reads lists by the tensors that they were made of. */
const becomes = (before: string, after: string) => expectPass(canonicalise, before).toBecome(after)

describe('sequences', () => {
  it('reads one of the tensors that a list was made of', () => {
    becomes(
      program(
        's = SequenceConstruct (x, z)  e = SequenceAt (s, at)  y = Relu (e)',
        undefined,
        'int64 at = {-1}',
      ),
      program('y = Relu (z)'),
    )
  })

  it('splits in place of SplitToSequence', () => {
    becomes(
      program(
        's = SplitToSequence <axis = 1> (x, size)  e = SequenceAt (s, at)  y = Relu (e)',
        'float[n, 1] y',
        'int64 size = {3}, int64 at = {1}',
      ),
      program('a, b = Split <axis = 1> (x, sizes)  y = Relu (b)', 'float[n, 1] y', 'int64[2] sizes = {3, 1}'),
    )
  })

  it('cuts out a chunk of a tensor of open length', () => {
    becomes(
      program(
        's = SplitToSequence <axis = 0> (x, size)  e = SequenceAt (s, at)  y = Relu (e)',
        'float[2, 4] y',
        'int64 size = {2}, int64 at = {1}',
      ),
      program(
        'a = Slice (x, from, to, axis)  y = Relu (a)',
        'float[2, 4] y',
        'int64[1] from = {2}, int64[1] to = {4}, int64[1] axis = {0}',
      ),
    )
    becomes(
      program(
        's = SplitToSequence <keepdims = 0> (x)  e = SequenceAt (s, at)  y = Relu (e)',
        'float[4] y',
        'int64 at = {1}',
      ),
      program(
        'a = Slice (x, from, to, axis)  b = Squeeze (a, axis)  y = Relu (b)',
        'float[4] y',
        'int64[1] from = {1}, int64[1] to = {2}, int64[1] axis = {0}',
      ),
    )
  })

  it('follows insertions and removals', () => {
    becomes(
      program(
        `e = SequenceEmpty ()  a = SequenceInsert (e, x)  b = SequenceInsert (a, z, first)
         c = SequenceInsert (b, z)  d = SequenceErase (c, first)  r = SequenceAt (d, first)  y = Relu (r)`,
        undefined,
        'int64 first = {0}',
      ),
      program('y = Relu (x)'),
    )
  })

  it('joins lists along an old and along a new axis', () => {
    becomes(
      program('s = SequenceConstruct (x, z)  y = ConcatFromSequence <axis = 1> (s)', 'float[n, 8] y'),
      program('y = Concat <axis = 1> (x, z)', 'float[n, 8] y'),
    )
    becomes(
      program(
        's = SequenceConstruct (x, z)  y = ConcatFromSequence <axis = -1, new_axis = 1> (s)',
        'float[n, 4, 2] y',
      ),
      program(
        'a = Reshape (x, t)  b = Reshape (z, t)  y = Concat <axis = 2> (a, b)',
        'float[n, 4, 2] y',
        'int64[3] t = {0, 4, 1}',
      ),
    )
  })

  it('knows the length of a list', () => {
    becomes(
      program('s = SequenceConstruct (x, z)  n = SequenceLength (s)  m = Cast <to = 1> (n)  y = Mul (x, m)'),
      program('m = Cast <to = 1> (n)  y = Mul (x, m)', undefined, 'int64 n = {2}'),
    )
  })

  it('refuses a position that only the run knows', () => {
    const before = `${OPSET} g (float[n] x, int64 at) => (float[n] y) {
      s = SequenceConstruct (x, x)  e = SequenceAt (s, at)  y = Relu (e)
    }`
    expect(() => expectPass(canonicalise, before)).toThrow('whose length or position only the run knows')
  })
})

describe('optionals', () => {
  it('hold a value or not', () => {
    const { model } = expectPass(
      () => {},
      program('o = Optional (x)  h = OptionalHasElement (o)  y = OptionalGetElement (o)'),
    )
    const value = (name: string) =>
      [...model.graph.nodes].flatMap((n) => n.outputs).find((v) => v.name === name)!
    expect(String(value('h').known)).toBe('1')
    expect(String(value('y').type?.shape)).toBe('n,4')
  })
})
