import { microsoftPacked } from '../../../src/ops/microsoft/packed.js'
import { as, checkFamily, ints, signed, type Operand } from '../harness.js'

const int32 = (data: number[], shape?: number[]): Operand => as('int32', ints(data, shape))

/** 5 tokens: sequences of 2 and 3, one head of 2. */
const ends = int32([0, 2, 5])
const offsets = int32([0, 1, 3, 4, 5, 2], [2, 3])
const sequence = [0, 0, 1, 1, 1]
const [q, k, v] = [signed(5, 2), signed(5, 2), signed(5, 2)]

/** Attention among tokens of one sequence, by its definition. */
function attention(q: number[][], k: number[][], v: number[][]): number[] {
  return q.flatMap((row, i) => {
    const weights = k.map((key, j) =>
      sequence[i] === sequence[j] ? Math.exp((row[0]! * key[0]! + row[1]! * key[1]!) / Math.SQRT2) : 0,
    )
    const total = weights.reduce((a, b) => a + b)
    return [0, 1].map((d) => weights.reduce((sum, w, j) => sum + w * v[j]![d]!, 0) / total)
  })
}

const rowsOf = (x: Operand, width: number): number[][] =>
  Array.from({ length: x.data.length / width }, (_, i) => x.data.slice(i * width, (i + 1) * width))

const [x, weights, bias] = [signed(5, 3), signed(3, 6), signed(6)]
const projected = rowsOf(x, 3).map((row) =>
  bias.data.map((c, d) => row.reduce((sum, r, h) => sum + r * weights.data[6 * h + d]!, c)),
)
const part = (from: number): number[][] => projected.map((row) => row.slice(from, from + 2))

const tokens = signed(2, 3, 2)
const packed = [0, 1, 3, 4, 5].flatMap((i) => tokens.data.slice(2 * i, 2 * i + 2))

checkFamily(microsoftPacked, {
  'com.microsoft::PackedAttention': [
    {
      inputs: [x, weights, bias, offsets, ends],
      attributes: { num_heads: 1 },
      expected: [attention(part(0), part(2), part(4))],
    },
  ],
  'com.microsoft::PackedMultiHeadAttention': [
    {
      inputs: [q, k, v, null, offsets, ends],
      attributes: { num_heads: 1 },
      expected: [attention(rowsOf(q, 2), rowsOf(k, 2), rowsOf(v, 2))],
    },
    {
      about: 'in one operand',
      inputs: [
        {
          ...q,
          shape: [5, 1, 3, 2],
          data: rowsOf(q, 2).flatMap((row, i) => [...row, ...rowsOf(k, 2)[i]!, ...rowsOf(v, 2)[i]!]),
        },
        null,
        null,
        null,
        offsets,
        ends,
      ],
      attributes: { num_heads: 1 },
      expected: [attention(rowsOf(q, 2), rowsOf(k, 2), rowsOf(v, 2))],
    },
  ],
  'com.microsoft::RemovePadding': [
    {
      inputs: [tokens, int32([2, 3])],
      outputs: 4,
      expected: [packed, [0, 1, 3, 4, 5, 2], [0, 2, 5], [3]],
    },
  ],
  'com.microsoft::RestorePadding': [
    {
      inputs: [q, offsets],
      expected: [[...q.data.slice(0, 4), 0, 0, ...q.data.slice(4)]],
    },
  ],
})
