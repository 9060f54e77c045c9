/** Rows added to a table: odd sizes, indices from the end, rows that repeat, nothing to add, and rewrites of a tied embedding's sum. */
import { describe, expect, test } from 'vitest'
import { functionDef } from '../../passes/lowering/kernel-calls.js'
import { KERNEL_FUNCTIONS } from '../../kernels/index.js'
import type { NdArray } from '../../src/op.js'
import { differentiateProgram, expectGradients } from '../helpers/gradients.js'
import { checkFunction, floats, labels, random, table, type Sample } from './harness.js'
import { instructionSets, runKernel } from './native.js'

/** [rows, width, updates] */
const SHAPES = [
  [1, 1, 1],
  [3, 3, 5],
  [17, 5, 123],
  [431, 123, 70],
  [2, 16387, 9],
  [1, 431, 700],
  [1201, 67, 300],
] as const

interface Call {
  readonly about: string
  readonly base: NdArray
  readonly indices: NdArray
  readonly updates: NdArray
  readonly terms?: number
  readonly notInBody?: string
}

/** Every fourth index counts from the end. */
function call([rows, width, count]: readonly [number, number, number], of = rows): Call {
  const chosen = Array.from({ length: count }, (_, j) => ((j * 7919) % of) - (j % 4 === 3 ? rows : 0))
  return {
    about: `${count} updates of ${of === rows ? '' : `${of} of `}[${rows}, ${width}]`,
    base: random([rows, width]),
    indices: labels(chosen),
    updates: random([count, width]),
    // a row is the sum of so many
    terms: 2 * (1 + count / of),
  }
}

const CALLS: readonly Call[] = [
  ...SHAPES.map((shape) => call(shape)),
  call([300, 77, 900], 1),
  call([9001, 3, 512], 40),
  { about: 'no index', base: random([5, 7]), indices: labels([]), updates: floats([0, 7], []) },
  {
    about: 'no column',
    base: floats([5, 0], []),
    indices: labels([1, 2]),
    updates: floats([2, 0], []),
    notInBody: 'ONNX Runtime expands [2, 1] to [2, 0] as [2, 1]',
  },
  {
    about: 'denormal numbers, and numbers that cancel',
    base: floats([2, 3], [1e-42, 3e38, -1e30, -0, 0, 1]),
    indices: labels([0, -2, 0, 1]),
    updates: floats([4, 3], [1e-43, -3e38, 1e30, -1e-44, 1, 2, 3e-45, 1, 0, -0, -0, -1]),
  },
  {
    about: 'an infinity',
    base: floats([2, 2], [1, Infinity, 2, 3]),
    indices: labels([0, 1, 1]),
    updates: floats([3, 2], [1, -Infinity, Infinity, 3.4e38, Infinity, 3.4e38]),
  },
]

const into = (c: Call): Sample => ({ ...c, inputs: [c.base, c.indices, c.updates] })
const zeroed = (c: Call): Sample => ({ ...c, inputs: [labels(c.base.shape), c.indices, c.updates] })

checkFunction('EmbeddingGradInto_f32_v1', CALLS.map(into))
checkFunction('EmbeddingGrad_f32_v1', CALLS.map(zeroed))

/** The sum in float32, one update after the other. */
function inOrder({ base, indices, updates }: Call): Float32Array {
  const [rows, width] = base.shape as [number, number]
  const sum = Float32Array.from(base.data)
  indices.data.forEach((index, j) => {
    for (let i = 0; i < width; i++) sum[((index + rows) % rows) * width + i]! += updates.data[j * width + i]!
  })
  return sum
}

describe.each(instructionSets)('%s', (isa) => {
  test.each(CALLS.map((c) => [c.about, c] as const))(
    '%s: in order, on any threads, in place too',
    (_about, c) => {
      const want = inOrder(c)
      for (const threads of [1, 2, 5])
        for (const inPlace of [undefined, { 0: 0 }]) {
          const options = { ...into(c), outputs: [c.base.shape], threads, inPlace }
          const [got] = runKernel(isa, 'EmbeddingGradInto_f32_v1', options)
          expect(want.findIndex((x, i) => !Object.is(x, got!.data[i]))).toBe(-1)
        }
    },
  )

  test('operands that do not fit are refused', () => {
    const refused = (name: string, inputs: NdArray[]) => () =>
      runKernel(isa, name, { inputs, outputs: [[3, 2]] })
    const base = random([3, 2])
    expect(refused('EmbeddingGradInto_f32_v1', [base, labels([3]), random([1, 2])])).toThrow(/no such row/)
    expect(refused('EmbeddingGradInto_f32_v1', [base, labels([-4]), random([1, 2])])).toThrow(/no such row/)
    expect(refused('EmbeddingGradInto_f32_v1', [base, labels([0]), random([1, 3])])).toThrow(/as wide/)
    expect(refused('EmbeddingGradInto_f32_v1', [base, labels([0]), random([2, 2])])).toThrow(/each index/)
    expect(refused('EmbeddingGradInto_f32_v1', [random([6]), labels([0]), random([1, 2])])).toThrow(
      /rows and/,
    )
    expect(refused('EmbeddingGrad_f32_v1', [labels([3, 2, 1]), labels([0]), random([1, 2])])).toThrow(
      /rows and/,
    )
    expect(refused('EmbeddingGrad_f32_v1', [labels([-3, 2]), labels([0]), random([1, 2])])).toThrow(
      /negative/,
    )
  })
})

/** Tables whose rows are read by index, and the functions that their gradients call. */
const PROGRAMS: Readonly<Record<string, [functions: string[], text: string]>> = {
  'a table': [
    ['EmbeddingGrad_f32_v1'],
    'g (float[7, 3] w) => (float loss) <int64[2, 2] i = {1, 6, -1, 1}> { y = Gather(w, i)  z = Mul(y, y)  loss = ReduceSum <keepdims = 0> (z) }',
  ],
  'a table of matrices': [
    ['EmbeddingGrad_f32_v1'],
    'g (float[4, N, 3] w) => (float loss) <int32[3] i = {1, 3, 1}> { y = Gather <axis = -3> (w, i)  z = Mul(y, y)  loss = ReduceSum <keepdims = 0> (z) }',
  ],
  'a tied table': [
    ['EmbeddingGradInto_f32_v1'],
    'g (float[7, 3] w) => (float loss) <int64[4] i = {1, 6, -1, 1}> { x = Gather(w, i)  t = Transpose <perm = [1, 0]> (w)  y = MatMul(x, t)  z = Mul(y, y)  loss = ReduceSum <keepdims = 0> (z) }',
  ],
  'a table read twice': [
    ['EmbeddingGradInto_f32_v1', 'EmbeddingGrad_f32_v1'],
    'g (float[7, 3] w) => (float loss) <int64[4] i = {1, 6, -1, 1}, int64[4] j = {2, 2, 1, 0}> { x = Gather(w, i)  y = Gather(w, j)  z = Mul(x, y)  loss = ReduceSum <keepdims = 0> (z) }',
  ],
}

test.each(Object.entries(PROGRAMS))('%s', async (_name, [functions, text]) => {
  const differentiated = differentiateProgram(text, table)
  await expectGradients(differentiated, {}, table)
  expect(differentiated.model.functions.map((f) => f.name).sort()).toEqual(functions.sort())
})

/** What stays in standard operators. */
const LEFT_ALONE: Readonly<Record<string, string>> = {
  'rows of another axis':
    'g (float[3, 7] w) => (float loss) <int64[2] i = {1, 6}> { y = Gather <axis = 1> (w, i)  z = Mul(y, y)  loss = ReduceSum <keepdims = 0> (z) }',
  'one row':
    'g (float[7, 3] w) => (float loss) <int64 i = {2}> { y = Gather(w, i)  z = Mul(y, y)  loss = ReduceSum <keepdims = 0> (z) }',
  'a vector':
    'g (float[7] w) => (float loss) <int64[2] i = {2, 2}> { y = Gather(w, i)  z = Mul(y, y)  loss = ReduceSum <keepdims = 0> (z) }',
}

test.each(Object.entries(LEFT_ALONE))('no kernel: %s', async (_name, text) => {
  const differentiated = differentiateProgram(text, table)
  await expectGradients(differentiated, {}, table)
  expect(differentiated.model.functions).toEqual([])
})

test('the body adds by ScatterElements, which loses no addition', () => {
  const into = KERNEL_FUNCTIONS.find((f) => f.name === 'EmbeddingGradInto_f32_v1')!
  expect([...functionDef(into).body.nodes].map((n) => n.op)).toContain('ScatterElements')
})
