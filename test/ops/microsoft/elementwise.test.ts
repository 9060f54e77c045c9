import { float } from '../../../src/builder.js'
import { microsoftElementwise } from '../../../src/ops/microsoft/elementwise.js'
import { checkFamily, constant, floats, positive, signed, type Operand } from '../harness.js'

const noKernel = { notInFloat16: 'no kernel' }
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x))

/** [2, 2, 3] scores, with a bias for every row of a batch (inner) or for every batch (outer). */
const scores = signed(2, 2, 3)
const [innerBias, outerBias] = [signed(2, 1, 3), signed(1, 2, 3)]

/** Softmax over the last `width` elements at a time, of x plus the element of the bias at `at`. */
function softmaxOf(bias: Operand, width: number, at: (i: number) => number): number[] {
  const sums = scores.data.map((x, i) => x + bias.data[at(i)]!)
  return sums.map((_, i) => {
    const start = Math.floor(i / width) * width
    const row = sums.slice(start, start + width).map(Math.exp)
    return row[i - start]! / row.reduce((a, b) => a + b)
  })
}

const [z1, z2] = [signed(3, 2), signed(3, 2)]
const complex = (sign: number): number[] =>
  [0, 2, 4].flatMap((i) => {
    const [a, b, c, d] = [z1.data[i]!, z1.data[i + 1]!, z2.data[i]!, sign * z2.data[i + 1]!]
    return [a * c - b * d, a * d + b * c]
  })

/** One head of 4, two positions, gates of 2·3 columns. */
const [query, queryBias, position] = [signed(1, 2, 4), signed(4), signed(1, 1, 2, 2)]
const [gateWeight, gateBias, eco] = [signed(4, 6), signed(6), signed(1, 1, 1, 1)]
const gated = [0, 1].flatMap((s) => {
  const mapped = gateBias.data.map((c, d) =>
    [0, 1, 2, 3].reduce(
      (sum, h) => sum + (query.data[4 * s + h]! + queryBias.data[h]!) * gateWeight.data[6 * h + d]!,
      c,
    ),
  )
  const [u, r] = [0, 3].map((from) => sigmoid(mapped.slice(from, from + 3).reduce((a, b) => a + b))) as [
    number,
    number,
  ]
  return [0, 1].map((t) => (u * (r * eco.data[0]! - 1) + 2) * position.data[2 * s + t]!)
})

/** [1, 2, 2] angles of two positions, two heads. */
const angles = signed(1, 2, 2)
const [q, qTurned, k, kTurned] = [
  signed(1, 2, 2, 2),
  signed(1, 2, 2, 2),
  signed(1, 2, 2, 2),
  signed(1, 2, 2, 2),
]
const turned = (x: Operand, y: Operand): number[] =>
  x.data.map((v, i) => v * Math.cos(angles.data[i % 4]!) + y.data[i]! * Math.sin(angles.data[i % 4]!))

const notFinite = { notDifferentiated: 'a bool', notInRuntime: 'no kernel' }

checkFamily(microsoftElementwise, {
  'com.microsoft::BiasSoftmax': [
    {
      about: 'bias for every batch',
      inputs: [scores, innerBias],
      attributes: { axis: 2, is_inner_broadcast: 1 },
      expected: [softmaxOf(innerBias, 3, (i) => 3 * Math.floor(i / 6) + (i % 3))],
    },
    {
      about: 'bias for every row, over two axes',
      inputs: [scores, outerBias],
      attributes: { axis: 1, is_inner_broadcast: 0 },
      expected: [softmaxOf(outerBias, 6, (i) => i % 6)],
    },
  ],
  'com.microsoft::GatedAdd': [{ inputs: [signed(2, 3), signed(2, 3), signed(2, 1)], ...noKernel }],
  'com.microsoft::ComplexMul': [{ inputs: [z1, z2], expected: [complex(1)] }],
  'com.microsoft::ComplexMulConj': [{ inputs: [z1, z2], expected: [complex(-1)] }],
  'com.microsoft::GatedRelativePositionBias': [
    {
      inputs: [query, queryBias, position, gateWeight, gateBias, eco],
      attributes: { num_heads: 1 },
      expected: [gated],
    },
  ],
  'com.microsoft::GemmaRotaryEmbedding': [
    {
      inputs: [angles, q, qTurned, k, kTurned],
      outputs: 2,
      expected: [turned(q, qTurned), turned(k, kTurned)],
    },
  ],
  'com.microsoft::EngramGate': [
    {
      inputs: [signed(1, 2, 2, 4), signed(1, 2, 2, 4), signed(1, 2, 4), signed(2, 4), signed(2, 4)],
      attributes: { epsilon: float(1e-5) },
      ...noKernel,
    },
  ],
  'com.microsoft::LinearAttentionGate': [
    { inputs: [signed(2, 3, 4), signed(4), signed(4), signed(2, 3, 4)], outputs: 2, ...noKernel },
    { about: 'decay alone', inputs: [signed(2, 3, 4), signed(4), signed(4)], ...noKernel },
  ],
  'com.microsoft::CDist': [
    { inputs: [signed(3, 2), signed(4, 2)], attributes: { metric: 'sqeuclidean' } },
    {
      about: 'euclidean',
      inputs: [positive(3, 2), floats([2, 2], [-1, -2, -3, -1])],
      attributes: { metric: 'euclidean' },
    },
  ],
  'com.microsoft::IsAllFinite': [
    { about: 'all', inputs: [signed(3), signed(2, 2)], expected: [[1]], ...notFinite },
    {
      about: 'not a number',
      inputs: [constant(floats([2], [1, NaN])), signed(2)],
      expected: [[0]],
      ...notFinite,
    },
    {
      about: 'infinite, not looked for',
      inputs: [constant(floats([2], [1, Infinity]))],
      attributes: { isnan_only: 1 },
      expected: [[1]],
      ...notFinite,
    },
  ],
})
