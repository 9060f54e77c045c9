import type { NdArray } from '../../src/op.js'
import { checkFunction, floats, labels, random, type Sample } from './harness.js'

const SHAPES = [
  [1, 1],
  [3, 3],
  [5, 17],
  [70, 123],
  [200, 431],
] as const

/** Mean and inverse deviation of rows, as the forward pass saves them. */
function statistics(x: NdArray): [NdArray, NdArray] {
  const [rows, columns] = x.shape as [number, number]
  const [mean, inv]: [number[], number[]] = [[], []]
  for (let r = 0; r < rows; r++) {
    const row = x.data.subarray(r * columns, (r + 1) * columns)
    mean.push(row.reduce((a, v) => a + v, 0) / columns)
    inv.push(1 / Math.sqrt(row.reduce((a, v) => a + (v - mean[r]!) ** 2, 0) / columns + 1e-5))
  }
  return [floats([rows, 1], mean), floats([rows, 1], inv)]
}

function layerNorm(about: string, x: NdArray): Sample {
  const columns = x.shape[1]!
  const [mean, inv] = statistics(x)
  // scale·dy·inv, of which a row's mean is taken
  const terms = 4 * Math.max(...inv.data.filter(Number.isFinite), 0)
  return { about, inputs: [x, random([columns]), random(x.shape), mean, inv], terms }
}

function rmsNorm(about: string, x: NdArray): Sample {
  return { about, inputs: [x, random([x.shape[1]!]), random(x.shape)], attribute: 1e-6, terms: 4 }
}

const constantRows = floats([3, 19], Array(57).fill(7))
const zeros = floats([3, 19], Array(57).fill(0))
const denormals = floats([2, 19], Array(38).fill(1e-42))
const infinite = floats([2, 5], [1, 2, Infinity, 4, 5, 1, 2, 3, 4, 5])

checkFunction('LayerNormalizationGrad_f32_v1', [
  ...SHAPES.map((shape) => layerNorm(`[${shape}]`, random(shape))),
  layerNorm('constant rows', constantRows),
  layerNorm('zeros', zeros),
  layerNorm('large', random([4, 33], 1e15)),
  layerNorm('an infinity', infinite),
])

checkFunction('RMSNormalizationGrad_f32_v1', [
  ...SHAPES.map((shape) => rmsNorm(`[${shape}]`, random(shape))),
  rmsNorm('zeros', zeros),
  rmsNorm('denormals', denormals),
  rmsNorm('large', random([4, 33], 1e15)),
])

function probabilities(shape: readonly number[]): NdArray {
  const x = random(shape, 1)
  return { ...x, data: x.data.map((v) => Math.fround(Math.abs(v) / shape.at(-1)!)) }
}

checkFunction('SoftmaxGrad_f32_v1', [
  ...SHAPES.map((shape) => ({ about: `[${shape}]`, inputs: [probabilities(shape), random(shape)] })),
  { about: 'rank 4', inputs: [probabilities([2, 2, 3, 37]), random([2, 2, 3, 37])] },
  { about: 'certain', inputs: [floats([2, 3], [0, 1, 0, 1e-40, 0, 1]), random([2, 3], 1e4)] },
])

/** Logits, and labels of which every fourth is ignored. */
function logits(about: string, x: NdArray): Sample {
  const [rows, classes] = x.shape as [number, number]
  const own = Array.from({ length: rows }, (_, r) => (r % 4 === 3 ? -100 : (r * 7) % classes))
  return { about, inputs: [x, labels(own)], attribute: -100 }
}

const LOGITS: readonly Sample[] = [
  ...SHAPES.map((shape) => logits(`[${shape}]`, random(shape, 5))),
  logits('a large vocabulary', random([3, 50257], 8)),
  logits('large logits', random([6, 123], 1e4)),
  logits('equal logits', floats([2, 19], Array(38).fill(3))),
  logits('classes that cannot be', floats([2, 3], [1, -Infinity, 2, -Infinity, 0, 1e-40])),
  logits('an infinity', floats([2, 3], [1, 2, 3, 0, Infinity, 1])),
  { about: 'nothing counts', inputs: [random([3, 7]), labels([5, 5, 5])], attribute: 5 },
]

checkFunction('CrossEntropy_f32_v1', LOGITS)
checkFunction(
  'CrossEntropyGrad_f32_v1',
  LOGITS.filter((s) => s.about !== 'an infinity').map((s) => ({
    ...s,
    inputs: [logSoftmax(s.inputs[0]!), s.inputs[1]!],
  })),
)

function logSoftmax(x: NdArray): NdArray {
  const columns = x.shape[1]!
  const data = Float64Array.from(x.data)
  for (let at = 0; at < data.length; at += columns) {
    const row = data.subarray(at, at + columns)
    const top = row.reduce((a, v) => Math.max(a, v), -Infinity)
    const total = Math.log(row.reduce((a, v) => a + Math.exp(v - top), 0))
    row.forEach((v, i) => (row[i] = Math.fround(v - top - total)))
  }
  return { ...x, data }
}

const ANGLES = [
  { about: 'as many angles as rows', x: [5, 6], cos: [5, 6] },
  { about: 'angles for all heads', x: [2, 3, 17, 10], cos: [1, 1, 17, 10] },
  { about: 'angles a batch', x: [2, 3, 5, 246], cos: [2, 1, 5, 246] },
  { about: 'angles of lower rank', x: [2, 3, 5, 2], cos: [5, 2] },
]

for (const name of ['Rotary_f32_v1', 'RotaryBack_f32_v1'])
  checkFunction(
    name,
    ANGLES.map(({ about, x, cos }) => ({ about, inputs: [random(x), random(cos, 1), random(cos, 1)] })),
  )
