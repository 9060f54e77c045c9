import { float } from '../../../src/builder.js'
import { microsoftAttention } from '../../../src/ops/microsoft/attention.js'
import {
  as,
  checkFamily,
  constant,
  differentiateOnly,
  fed,
  floats,
  ints,
  signed,
  type Operand,
  type Sample,
} from '../harness.js'

/** Two sequences of 3, 2 heads of 4. */
const x = signed(2, 3, 5)
const weights = signed(5, 24)
const bias = signed(24)
const q = signed(2, 3, 8)
const k = signed(2, 3, 8)
const v = signed(2, 3, 8)
const heads = { num_heads: 2 }

const mask = (values: number[], shape: number[]): Operand => as('int32', fed(ints(values, shape)))
const leftPadded = mask([1, 1, 1, 0, 1, 1], [2, 3])
const perQuery = mask([1, 0, 0, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 0, 1, 0, 1, 1], [2, 3, 3])

const merged = (about: string, extra: (Operand | null)[], attributes = {}, outputs = 1): Sample => ({
  about,
  inputs: [x, weights, bias, ...extra],
  attributes: { ...heads, ...attributes },
  outputs,
})

const multi = (about: string, inputs: (Operand | null)[], attributes = {}, outputs = 1): Sample => ({
  about,
  inputs,
  attributes: { ...heads, ...attributes },
  outputs,
})

const lengths = (...values: number[]) => as('int32', ints(values))
const total = (n: number) => as('int32', ints([n], []))
const tables = [constant(signed(9, 8)), constant(signed(9, 8))]
const grouped = (about: string, inputs: (Operand | null)[], attributes = {}, outputs = 3): Sample => ({
  about,
  inputs,
  attributes: { num_heads: 4, kv_num_heads: 2, ...attributes },
  outputs,
  notInFloat16: 'no kernel',
})
const gq = [signed(2, 3, 32), signed(2, 3, 16), signed(2, 3, 16)]
const wide = [signed(2, 3, 32), signed(2, 3, 16), signed(2, 3, 16)]
const empty = [floats([2, 2, 0, 8], []), floats([2, 2, 0, 8], [])]
const past = [signed(2, 2, 2, 4), signed(2, 2, 2, 4)]
const cache = [signed(2, 2, 2, 8), signed(2, 2, 2, 8)]

/** Causal attention of one head of 8 over two tokens, queries and keys under an RMS norm, by its definition. */
const normed = (() => {
  const qkv = [signed(1, 2, 8), signed(1, 2, 8), signed(1, 2, 8)] as const
  const weights = [signed(8), signed(8)] as const
  const rows = (x: Operand): number[][] => [x.data.slice(0, 8), x.data.slice(8)]
  const norm = (row: number[], weight: Operand): number[] => {
    const inverse = 1 / Math.sqrt(row.reduce((sum, v) => sum + v * v, 0) / 8 + 1e-3)
    return row.map((v, i) => v * inverse * weight.data[i]!)
  }
  const [queries, keys] = [0, 1].map((i) => rows(qkv[i]!).map((row) => norm(row, weights[i]!))) as [
    number[][],
    number[][],
  ]
  const expected = queries.flatMap((query, s) => {
    const scores = keys
      .slice(0, s + 1)
      .map((key) => Math.exp(key.reduce((sum, v, i) => sum + v * query[i]!, 0) / Math.sqrt(8)))
    const all = scores.reduce((a, b) => a + b)
    return query.map((_, d) => scores.reduce((sum, w, t) => sum + (w / all) * rows(qkv[2])[t]![d]!, 0))
  })
  return { qkv, weights, expected }
})()

checkFamily(microsoftAttention, {
  'com.microsoft::Attention': differentiateOnly(
    ['unidirectional and masked', 'past keys'],
    [
      merged('plain', []),
      { ...merged('without bias', []), inputs: [x, weights], notInRuntime: 'crashes' },
      merged('a padding mask', [leftPadded]),
      merged('a mask per query', [perQuery]),
      merged('numbers of keys', [mask([3, 2], [2])]),
      {
        ...merged('an end and a start of keys', []),
        inputs: [signed(1, 3, 5), weights, bias, as('int32', ints([3, 1]))],
      },
      merged('unidirectional', [], { unidirectional: 1 }),
      merged('unidirectional and masked', [leftPadded], { unidirectional: 1 }),
      merged('an attention bias', [null, null, signed(1, 2, 3, 3)], { scale: float(0.3) }),
      merged('past keys', [null, signed(2, 2, 2, 2, 4)], { unidirectional: 1 }, 2),
      {
        ...merged('values of another size', []),
        inputs: [x, signed(5, 20), signed(20)],
        attributes: { ...heads, qkv_hidden_sizes: [8, 8, 4] },
      },
    ],
  ),
  'com.microsoft::MultiHeadAttention': differentiateOnly(
    ['packed keys and values', 'past keys, unidirectional'],
    [
      multi('plain', [q, k, v]),
      multi('cross-attention with bias', [q, signed(2, 5, 8), signed(2, 5, 8), bias]),
      multi('values of another size', [q, k, signed(2, 3, 6), signed(22)]),
      { ...multi('packed keys and values', [q, signed(2, 5, 2, 2, 4)]), notInRuntime: 'no kernel' },
      { ...multi('packed queries too', [signed(2, 3, 2, 3, 4)]), notInRuntime: 'no kernel' },
      multi('heads apart', [q, signed(2, 2, 5, 4), signed(2, 2, 5, 4)]),
      multi('a padding mask', [q, k, v, null, leftPadded]),
      multi('numbers of keys', [q, k, v, null, mask([3, 1], [2])]),
      multi('a mask per query', [q, k, v, null, perQuery]),
      multi('unidirectional', [q, k, v], { unidirectional: 1 }),
      multi('an attention bias', [q, k, v, null, null, signed(2, 1, 3, 3)], {
        scale: float(0.2),
        mask_filter_value: float(-500),
      }),
      multi('past keys', [q, k, v, null, null, null, ...past], {}, 3),
      multi('past keys, unidirectional', [q, k, v, bias, null, null, ...past], { unidirectional: 1 }, 3),
    ],
  ),
  'com.microsoft::GroupQueryAttention': differentiateOnly(
    ['past keys'],
    [
      grouped('a prompt', [...gq, ...empty, lengths(2, 2), total(3)]),
      grouped('no past', [...gq, null, null, lengths(2, 2), total(3)]),
      grouped('packed', [signed(2, 3, 64), null, null, ...empty, lengths(2, 2), total(3)]),
      grouped('past keys', [
        signed(2, 1, 32),
        signed(2, 1, 16),
        signed(2, 1, 16),
        ...cache,
        lengths(2, 2),
        total(3),
      ]),
      grouped(
        'rotary',
        [...wide, floats([2, 1, 0, 16], []), floats([2, 1, 0, 16], []), lengths(2, 2), total(3), ...tables],
        { num_heads: 2, kv_num_heads: 1, do_rotary: 1 },
      ),
      grouped(
        'rotary, interleaved',
        [...wide, floats([2, 1, 0, 16], []), floats([2, 1, 0, 16], []), lengths(2, 2), total(3), ...tables],
        {
          num_heads: 2,
          kv_num_heads: 1,
          do_rotary: 1,
          rotary_interleaved: 1,
        },
      ),
      grouped(
        'rotary after a past',
        [
          signed(2, 1, 32),
          signed(2, 1, 16),
          signed(2, 1, 16),
          signed(2, 1, 2, 16),
          signed(2, 1, 2, 16),
          lengths(2, 2),
          total(3),
          ...tables,
        ],
        { num_heads: 2, kv_num_heads: 1, do_rotary: 1 },
      ),
      grouped(
        'a window',
        [signed(2, 5, 32), signed(2, 5, 16), signed(2, 5, 16), ...empty, lengths(4, 4), total(5)],
        { local_window_size: 2 },
      ),
      grouped('softcap and scale', [...gq, ...empty, lengths(2, 2), total(3)], {
        softcap: float(1.5),
        scale: float(0.7),
      }),
      grouped('an attention bias', [
        ...gq,
        ...empty,
        lengths(2, 2),
        total(3),
        null,
        null,
        null,
        signed(1, 4, 3, 3),
      ]),
      {
        ...grouped('norms of queries and keys', [
          ...normed.qkv,
          null,
          null,
          as('int32', ints([1])),
          total(2),
          ...new Array<null>(7).fill(null),
          ...normed.weights,
        ]),
        attributes: { num_heads: 1, kv_num_heads: 1, qk_norm_epsilon: float(1e-3) },
        expected: [normed.expected, null, null],
        notSymbolic: 'one sequence',
      },
      grouped('smooth softmax', [...gq, ...empty, lengths(2, 2), total(3)], { smooth_softmax: 1 }),
      grouped('a sink per head', [
        ...gq,
        ...empty,
        lengths(2, 2),
        total(3),
        null,
        null,
        null,
        null,
        signed(4),
      ]),
    ],
  ),
})
