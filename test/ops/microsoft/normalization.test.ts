import { float } from '../../../src/builder.js'
import { microsoftNormalization } from '../../../src/ops/microsoft/normalization.js'
import { checkFamily, signed, type Operand } from '../harness.js'

/** One image of 2×2 with 4 channels in 2 groups. */
const image = signed(1, 2, 2, 4)
const [gamma, beta, skip, bias] = [signed(4), signed(4), signed(1, 2, 2, 4), signed(4)]

/**
 * Group normalisation by its definition.
 * @param channel of the element at a flat index
 */
function normalized(x: readonly number[], channel: (i: number) => number, active: boolean): number[] {
  const group = (i: number): number => Math.floor(channel(i) / 2)
  return x.map((v, i) => {
    const own = x.filter((_, j) => group(j) === group(i))
    const mean = own.reduce((a, b) => a + b) / own.length
    const variance = own.reduce((a, b) => a + (b - mean) ** 2, 0) / own.length
    const y = ((v - mean) / Math.sqrt(variance + 1e-3)) * gamma.data[channel(i)]! + beta.data[channel(i)]!
    return active ? y / (1 + Math.exp(-y)) : y
  })
}

const last = (i: number): number => i % 4
const first = (i: number): number => Math.floor(i / 4)
const attributes = { groups: 2, epsilon: float(1e-3) }
const sum = image.data.map((v, i) => v + skip.data[i]! + bias.data[last(i)]!)
const channelsFirst: Operand = { ...image, shape: [1, 4, 2, 2] }

checkFamily(microsoftNormalization, {
  'com.microsoft::GroupNorm': [
    {
      about: 'channels last',
      inputs: [image, gamma, beta],
      attributes,
      expected: [normalized(image.data, last, false)],
    },
    {
      about: 'channels first, SiLU',
      inputs: [channelsFirst, gamma, beta],
      attributes: { ...attributes, channels_last: 0, activation: 1 },
      expected: [normalized(image.data, first, true)],
    },
  ],
  'com.microsoft::SkipGroupNorm': [
    {
      about: 'bias and sum',
      inputs: [image, gamma, beta, skip, bias],
      attributes,
      outputs: 2,
      expected: [normalized(sum, last, false), sum],
    },
    {
      about: 'skip of a row an image',
      inputs: [image, gamma, beta, { ...bias, shape: [1, 4] }],
      attributes: { ...attributes, activation: 1 },
      expected: [
        normalized(
          image.data.map((v, i) => v + bias.data[last(i)]!),
          last,
          true,
        ),
      ],
    },
  ],
  'com.microsoft::GatedRMSNorm': [
    {
      about: 'two heads a row',
      inputs: [signed(2, 3, 8), signed(4), signed(2, 3, 8)],
      attributes: { epsilon: float(1e-5) },
      notInFloat16: 'no kernel',
    },
  ],
})
