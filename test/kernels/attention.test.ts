import type { NdArray } from '../../src/op.js'
import { checkFunction, floats, random, type Sample } from './harness.js'

/** Sizes of an attention: batch, heads, groups, queries, keys, head size of keys and of values. */
interface Sizes {
  readonly b: number
  readonly h: number
  readonly g: number
  readonly s: number
  readonly t: number
  readonly d: number
  readonly e: number
}

const LOWEST = Math.fround(-3.4e38)

/** Hides later keys where `causal`, and every fifth key of the last batch otherwise. */
function mask({ b, s, t }: Sizes, causal: boolean): NdArray {
  const hidden = (i: number, q: number, k: number): boolean => (causal ? k > q : i === b - 1 && k % 5 === 4)
  const data = Array.from({ length: b * s * t }, (_, at) =>
    hidden(Math.floor(at / (s * t)), Math.floor(at / t) % s, at % t) ? LOWEST : 0,
  )
  return floats([b, 1, s, t], data)
}

/** Every third query of the first batch sees no key. */
function visible({ b, s }: Sizes): NdArray {
  return floats(
    [b, 1, s, 1],
    Array.from({ length: b * s }, (_, i) => (i < s && i % 3 === 2 ? 0 : 1)),
  )
}

/** The mask of queries that see nothing hides all keys. */
function blinded(given: NdArray, seen: NdArray): NdArray {
  const t = given.shape.at(-1)!
  return { ...given, data: given.data.map((x, i) => (seen.data[Math.floor(i / t)] === 0 ? LOWEST : x)) }
}

function operands(sizes: Sizes, kind: '' | 'Masked' | 'Causal', blind: boolean, scale = 2): NdArray[] {
  const { b, h, g, s, t, d, e } = sizes
  const q = [random([b, h, s, d], scale), random([b, g, t, d], scale), random([b, g, t, e])]
  if (kind === '') return q
  const plain = mask(sizes, kind === 'Causal')
  if (!blind) return [...q, plain]
  return [...q, blinded(plain, visible(sizes)), visible(sizes)]
}

const SIZES: readonly Sizes[] = [
  { b: 1, h: 1, g: 1, s: 1, t: 1, d: 1, e: 1 },
  { b: 2, h: 2, g: 2, s: 3, t: 3, d: 5, e: 3 },
  { b: 1, h: 3, g: 3, s: 17, t: 17, d: 16, e: 16 },
  { b: 2, h: 2, g: 2, s: 123, t: 123, d: 17, e: 33 },
]

function grouped(sizes: Sizes): Sizes {
  return { ...sizes, h: sizes.g * 3 }
}

/** More keys than queries, where the mask is not causal. */
function crossed(sizes: Sizes): Sizes {
  return { ...sizes, t: sizes.t + 6 }
}

for (const isGrouped of [false, true])
  for (const kind of ['', 'Masked', 'Causal'] as const)
    for (const blind of kind === '' ? [''] : ['', 'Zero', 'Uniform']) {
      const sizes = SIZES.map((x) => (isGrouped ? grouped(x) : x)).map((x) =>
        kind === 'Causal' ? x : crossed(x),
      )
      const scale = (x: Sizes): number => 1 / Math.sqrt(x.d)
      const samples: Sample[] = sizes.map((x) => ({
        about: JSON.stringify(x),
        inputs: operands(x, kind, blind !== ''),
        attribute: Math.fround(scale(x)),
      }))
      samples.push({
        about: 'large scores',
        inputs: operands(sizes[2]!, kind, blind !== '', 200),
        attribute: 0.25,
      })
      const name = `Attention${isGrouped ? 'Grouped' : ''}${kind}${blind}`
      checkFunction(`${name}_f32_v1`, samples)
      checkFunction(
        `${name}Grad_f32_v1`,
        samples.map((sample) => withResult(sample, blind)),
      )
    }

/** The sample of the gradient: attention's result by hand, and a cotangent. */
function withResult(sample: Sample, blind: string): Sample {
  const y = attention(sample.inputs, sample.attribute!, blind)
  const [q, k, v] = sample.inputs as [NdArray, NdArray, NdArray]
  // dP·scale·q or ·k, of which the row's mean is taken: all of it where one probability is 1
  const terms = 2 * largest(v) * Math.sqrt(v.shape[3]!) * sample.attribute! * Math.max(largest(q), largest(k))
  return { ...sample, inputs: [...sample.inputs, y, random(y.shape)], terms }
}

function largest(x: NdArray): number {
  return x.data.reduce((top, v) => Math.max(top, Math.abs(v)), 0)
}

function attention([q, k, v, bias, seen]: readonly NdArray[], scale: number, blind: string): NdArray {
  const [b, h, s, d] = q!.shape as [number, number, number, number]
  const [g, t, e] = [v!.shape[1]!, v!.shape[2]!, v!.shape[3]!]
  const y = new Float64Array(b * h * s * e)
  for (let row = 0; row < b * h * s; row++) {
    const [i, head, query] = [Math.floor(row / (h * s)), Math.floor(row / s) % h, row % s]
    const keys = (i * g + Math.floor((head * g) / h)) * t
    const scores = Array.from({ length: t }, (_, j) => {
      let dot = 0
      for (let c = 0; c < d; c++) dot += q!.data[row * d + c]! * k!.data[(keys + j) * d + c]!
      return dot * scale + (bias?.data[(i * s + query) * t + j] ?? 0)
    })
    const isBlind = seen?.data[i * s + query] === 0
    const top = Math.max(...scores)
    const weights = scores.map((x) => (isBlind ? Number(blind === 'Uniform') : Math.exp(x - top)))
    const total = isBlind ? t : weights.reduce((a, w) => a + w, 0)
    for (let c = 0; c < e; c++)
      y[row * e + c] = Math.fround(
        weights.reduce((a, w, j) => a + w * v!.data[(keys + j) * e + c]!, 0) / total,
      )
  }
  return { dtype: 'float32', shape: [b, h, s, e], data: y }
}
