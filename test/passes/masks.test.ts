/** What is read off a mask's computation, against the mask that ONNX Runtime computes. */
import { describe, expect, it } from 'vitest'
import { inferTypes } from '../../passes/infer-types.js'
import { and, not, or, upTo, type Predicate } from '../../passes/masks/predicate.js'
import { predicateOf, twoValued } from '../../passes/masks/two-valued.js'
import { parseModel } from '../../src/text.js'
import { contextOf, feed, runModel } from '../helpers/expect-pass.js'

const SIZE = 4

/** What each predicate promises of entry (i, j): true, false, or nothing. */
const PROMISES: Record<Predicate, (i: number, j: number) => boolean | undefined> = {
  all: () => true,
  none: () => false,
  causal: (i, j) => j <= i,
  later: (i, j) => j > i,
  within: (i, j) => (j > i ? false : undefined),
  beyond: (i, j) => (j > i ? true : undefined),
  unknown: () => undefined,
}

const program = (body: string): string => `g (float[s] x, bool[1, s] keep) => (bool[t, u] m)
  <int64 zero = {0}, int64 one = {1}, int64 two = {2}, int64[1] a0 = {0}, int64[1] a1 = {1}, float f0 = {0}, float f1 = {1},
   float low = {-10000}, int64[4] count = {0, 1, 2, 3}, bool[4, 4] tril = {1, 0, 0, 0, 1, 1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 1},
   int64[2] start = {0, 0}, int64[2] later = {1, 0}, int64[2] end = {9, 9}> {
    sh = Shape (x)  n = Squeeze (sh)  r = Range (zero, n, one)  j = Unsqueeze (r, a0)  i = Unsqueeze (r, a1)
    ${body}
  }`

describe('predicates', () => {
  it.each<[string, Predicate, string]>([
    ['j ≤ i', 'causal', 'm = LessOrEqual (j, i)'],
    ['i ≥ j', 'causal', 'm = GreaterOrEqual (i, j)'],
    ['j > i', 'later', 'm = Greater (j, i)'],
    ['i < j', 'later', 'm = Less (i, j)'],
    ['j < i + 1', 'causal', 'k = Add (i, one) m = Less (j, k)'],
    ['j < i', 'within', 'm = Less (j, i)'],
    ['j ≤ i + 1', 'unknown', 'k = Add (one, i) m = LessOrEqual (j, k)'],
    ['j ≥ i', 'beyond', 'm = GreaterOrEqual (j, i)'],
    ['j − 1 ≤ i − 1', 'causal', 'k = Sub (i, one) l = Sub (j, one) m = LessOrEqual (l, k)'],
    ['not later', 'causal', 'k = Greater (j, i) m = Not (k)'],
    ['j ≤ i with 0 ≤ i', 'causal', 'k = GreaterOrEqual (i, zero) l = LessOrEqual (j, i) m = And (k, l)'],
    ['causal and padding', 'within', 'l = LessOrEqual (j, i) m = And (l, keep)'],
    ['later or padding', 'beyond', 'l = Greater (j, i) k = Not (keep) m = Or (l, k)'],
    ['a constant triangle', 'causal', 'm = Identity (tril)'],
    ['its upper left corner', 'causal', 'm = Slice (tril, start, end)'],
    ['its lower rows', 'unknown', 'm = Slice (tril, later, end)'],
    [
      'counted by a constant',
      'causal',
      'c = Unsqueeze (count, a0) d = Unsqueeze (count, a1) m = LessOrEqual (c, d)',
    ],
    [
      'Trilu of ones',
      'causal',
      'e = Concat <axis = 0> (sh, sh) o = Expand (f1, e) t = Trilu <upper = 0> (o) z = Equal (t, f0) m = Not (z)',
    ],
    [
      'upper Trilu without the diagonal',
      'later',
      'e = Concat <axis = 0> (sh, sh) o = Expand (low, e) t = Trilu <upper = 1> (o, one) z = Equal (t, f0) m = Not (z)',
    ],
    [
      'upper Trilu with the diagonal',
      'beyond',
      'e = Concat <axis = 0> (sh, sh) o = Expand (f1, e) t = Trilu <upper = 1> (o) z = Equal (t, f0) m = Not (z)',
    ],
    [
      'by arithmetic',
      'later',
      'l = LessOrEqual (j, i) c = Cast <to = 1> (l) o = Sub (f1, c) p = Mul (o, low) m = Less (p, f0)',
    ],
    ['chosen numbers', 'causal', 'l = LessOrEqual (j, i) w = Where (l, f0, low) m = Equal (w, f0)'],
    ['another matrix', 'unknown', 'c = Mul (i, two) m = LessOrEqual (j, c)'],
    ['rows against rows', 'unknown', 'c = Mul (j, two) m = LessOrEqual (j, c)'],
  ])('%s is %s', async (_, predicate, body) => {
    const model = parseModel(program(body))
    inferTypes.run(contextOf(model))
    expect(predicateOf(twoValued(model.graph.outputs[0]!))).toBe(predicate)
    const { m } = await runModel(model, {
      x: feed('float32', [SIZE], [0, 0, 0, 0]),
      keep: feed('bool', [1, SIZE], [1, 0, 1, 1]),
    })
    const [rows, columns] = m!.dims as [number, number]
    for (let at = 0; at < rows * columns; at++) {
      const promised = PROMISES[predicate](Math.floor(at / columns), at % columns)
      if (promised !== undefined) expect(m!.data[at]).toBe(Number(promised))
    }
  })
})

describe('their logic', () => {
  const predicates = Object.keys(PROMISES) as Predicate[]
  /** Every mask of 3×3 that keeps a predicate's promises. */
  const masks = (p: Predicate): number[] =>
    [...Array(512).keys()].filter((bits) =>
      [...Array(9).keys()].every((at) => {
        const promised = PROMISES[p](Math.floor(at / 3), at % 3)
        return promised === undefined || promised === ((bits >> at) & 1) > 0
      }),
    )
  const keeps = (p: Predicate, bits: number): boolean => masks(p).includes(bits)

  it.each(predicates)('not %s', (p) => {
    for (const bits of masks(p)) expect(keeps(not(p), 511 - bits)).toBe(true)
  })

  it.each(predicates.flatMap((p) => predicates.map((q) => [p, q] as const)))('%s and, or %s', (p, q) => {
    const [both, either] = [new Set(masks(and(p, q))), new Set(masks(or(p, q)))]
    const few = masks(q).filter((_, n) => n % 17 === 0)
    for (const x of masks(p)) {
      for (const y of few) {
        expect(both.has(x & y)).toBe(true)
        expect(either.has(x | y)).toBe(true)
      }
    }
  })

  it('j ≤ i + k', () => expect([-1, 0, 1].map(upTo)).toEqual(['within', 'causal', 'unknown']))
})
