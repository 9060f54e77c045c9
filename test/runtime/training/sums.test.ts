import { afterAll, describe, expect, test } from 'vitest'
import { openSession, Random, type Session } from '../../../runtime/index.js'
import type { TrainableSpec } from '../../../runtime/dropbp/presence.js'
import { chooseBackend } from '../../../runtime/session.js'
import { GradientSet } from '../../../runtime/training/gradients.js'
import { addScaled, GradientSums, type Floats } from '../../../runtime/training/sums.js'

const opened: Session[] = []
let runs = 0
const sums = new GradientSums(
  async (...how) => {
    const session = await openSession(...how)
    opened.push(session)
    const run: Session['run'] = (...call) => {
      runs++
      return session.run(...call)
    }
    return new Proxy(session, { get: (of, key) => (key === 'run' ? run : Reflect.get(of, key, of)) })
  },
  { threads: 2 },
)
afterAll(() => sums.release())

const random = Random.seeded(5)

/** Numbers of every size that float32 has, denormals and what is not finite included; a prime of them. */
const pool = Float32Array.from(
  { length: 4999 },
  () => (random.uniform() - 0.5) * 2 ** (random.uniform() * 270 - 140),
)
pool.set([0, -0, NaN, Infinity, -Infinity, 2 ** -149, 3.4e38])

function drawn(count: number): Float32Array {
  const start = Math.floor(random.uniform() * pool.length)
  return Float32Array.from({ length: count }, (_, i) => pool[(start + i) % pool.length]!)
}

/** The same but for what a NaN is made of. */
function expectSame(got: Float32Array, want: Float32Array): void {
  const wrong = want.findIndex((x, i) => !Object.is(got[i], x))
  if (wrong >= 0) expect.fail(`element ${wrong} is ${got[wrong]}, expected ${want[wrong]}`)
  expect(got.length).toBe(want.length)
}

describe.each([1, 0.7, 1 / 3, 3e-39])('weight %d', (weight) => {
  test.each([0, 1, 7, 65535, 65536, 70001, 2 ** 20 + 12345])('%d elements', async (count) => {
    const [target, source] = [drawn(count), drawn(count)]
    const before = source.slice()
    const factor = Math.fround(weight)
    const want = target.map((x, i) => x + Math.fround(factor * source[i]!))
    const inJavaScript = target.slice()
    await addScaled(inJavaScript, source, weight)
    expectSame(inJavaScript, want)
    runs = 0
    await sums.add(target, source, weight)
    expectSame(target, want)
    expectSame(source, before)
    const inOnnxRuntime = count >= 65536 && chooseBackend().name === 'native'
    expect(runs > 0).toBe(inOnnxRuntime)
  })
})

test('float64 is added in float64', async () => {
  const [target, source] = [new Float64Array(70000).fill(1), new Float64Array(70000).fill(1 / 3)]
  await sums.add(target, source, 1 / 7)
  expect(target.every((x) => x === 1 + (1 / 7) * (1 / 3))).toBe(true)
})

test('where sessions are not native, sums are in JavaScript, and the same', async () => {
  let made = 0
  const other = new GradientSums(
    (...[file, options, bytes]) => {
      made++
      return openSession(file, { ...options, backend: 'node' }, bytes)
    },
    { threads: 1 },
  )
  const [target, source] = [drawn(80000), drawn(80000)]
  const want = target.map((x, i) => x + source[i]!)
  await other.add(target, source, 1)
  await other.add(new Float32Array(80000), source, 1)
  expectSame(target, want)
  expect(made).toBe(1)
  await other.release()
})

/** Gradients of parameters a, b, c; null stands for an absent one. */
function setOf(...tensors: (Floats | null)[]): GradientSet {
  const set = new GradientSet(tensors.map((_, i) => ({ name: 'abc'[i]! }) as TrainableSpec))
  set.expect(tensors.map((t) => t !== null))
  tensors.forEach((data, i) => data && set.set(i, { dtype: 'float32', shape: [data.length], data }))
  return set
}

test('gradients that one side lacks', async () => {
  const sum = setOf(Float32Array.of(1, 2), null, null)
  await sum.accumulate(setOf(null, Float32Array.of(3, 5), null), 0.5, sums.add)
  await sum.accumulate(setOf(Float32Array.of(1, 1), Float32Array.of(1, 1), null), 1, sums.add)
  expect([0, 1, 2].map((i) => sum.get(i)?.data)).toEqual([
    Float32Array.of(2, 3),
    Float32Array.of(2.5, 3.5),
    undefined,
  ])
})

test('a gradient of half precision is named', async () => {
  const sum = setOf(Float32Array.of(1))
  const more = setOf(Float32Array.of(1))
  more.set(0, { dtype: 'float16', shape: [1], data: Uint16Array.of(0) })
  await expect(sum.accumulate(more, 1)).rejects.toThrow(/gradient of "a" is float16/)
})
