import { float } from '../../src/builder.js'
import { attention } from '../../src/ops/attention/attention.js'
import { checkFamily, constant, floats, signed, type Operand } from './harness.js'

/** Half the lowest float32: swallows any score. */
const LOW = -1.7014117331926443e38
const scale = { scale: float(0.4) }

/**
 * A causal mask [batch, 1, n, n] in which the first `padding[i]` keys of sequence i are hidden too, and for every query
 * whether it sees any key.
 */
function causal(n: number, padding: readonly number[] = [0]): { mask: Operand; visible: Operand } {
  const isSeen = (p: number, i: number, j: number): boolean => j <= i && j >= p
  const index = [...Array(n).keys()]
  const mask = padding.flatMap((p) => index.flatMap((i) => index.map((j) => (isSeen(p, i, j) ? 0 : LOW))))
  const visible = padding.flatMap((p) => index.map((i) => (i >= p ? 1 : 0)))
  const batch = padding.length
  return {
    mask: constant(floats([batch, 1, n, n], mask)),
    visible: constant(floats([batch, 1, n, 1], visible)),
  }
}

/** q, k and v of `heads` heads over `groups` groups, n positions, head sizes 4 and 3. */
function operands(heads: number, groups: number, n: number): Operand[] {
  return [signed(2, heads, n, 4), signed(2, groups, n, 4), signed(2, groups, n, 3)]
}

const padded = causal(13, [0, 5])
const short = causal(3, [0, 2])
const blocks = { ...scale, causal: 1 }

/** Keys of zeros give every value the same weight. */
function ofEqualKeys() {
  const [q, v, dy] = [signed(1, 2, 3, 4), signed(1, 2, 5, 3), signed(1, 2, 3, 3)]
  const mean = (head: number, c: number): number =>
    [0, 1, 2, 3, 4].reduce((sum, t) => sum + v.data[(head * 5 + t) * 3 + c]!, 0) / 5
  const y = [0, 1].flatMap((head) => [0, 1, 2].flatMap(() => [0, 1, 2].map((c) => mean(head, c))))
  const k = floats([1, 2, 5, 4], new Array<number>(40).fill(0))
  return [q, k, v, null, null, floats([1, 2, 3, 3], y), dy]
}

checkFamily(attention, {
  'com.dropbp::Attention': [
    {
      about: 'more keys than queries',
      inputs: [signed(2, 3, 5, 4), signed(2, 3, 7, 4), signed(2, 3, 7, 6)],
      attributes: scale,
    },
    {
      about: 'no axis of heads',
      inputs: [signed(3, 5, 4), signed(3, 7, 4), signed(3, 7, 6)],
      attributes: scale,
    },
    { about: 'bias with a gradient', inputs: [...operands(3, 3, 5), signed(1, 3, 5, 5)], attributes: scale },
    { about: 'bias a key', inputs: [...operands(3, 3, 5), signed(2, 1, 1, 5)], attributes: scale },
    { about: 'heads in groups', inputs: operands(6, 2, 5), attributes: scale },
    { about: 'one group', inputs: operands(3, 1, 5), attributes: scale },
    { about: 'causal', inputs: [...operands(2, 2, 13), causal(13).mask], attributes: blocks },
    {
      about: 'causal, heads in groups',
      inputs: [...operands(4, 2, 13), causal(13).mask],
      attributes: blocks,
    },
    {
      about: 'causal, fewer queries than blocks',
      inputs: [...operands(2, 2, 3), causal(3).mask],
      attributes: blocks,
    },
    { about: 'causal, one query', inputs: [...operands(2, 2, 1), causal(1).mask], attributes: blocks },
    {
      about: 'causal with padding, blind rows zero',
      inputs: [...operands(4, 2, 13), padded.mask, padded.visible],
      attributes: { ...blocks, blind: 'zero' },
    },
    {
      about: 'causal with padding, blind rows uniform',
      inputs: [...operands(4, 2, 13), padded.mask, padded.visible],
      attributes: { ...blocks, blind: 'uniform' },
    },
    {
      about: 'short, with padding, blind rows uniform',
      inputs: [...operands(2, 2, 3), short.mask, short.visible],
      attributes: { ...blocks, blind: 'uniform' },
    },
    {
      about: 'not causal, blind rows zero',
      inputs: [...operands(2, 2, 3), short.mask, short.visible],
      attributes: { ...scale, blind: 'zero' },
    },
  ],
  'com.dropbp::AttentionGrad': [
    { inputs: ofEqualKeys(), attributes: scale, outputs: 4, notDifferentiated: 'of the backward' },
  ],
})
