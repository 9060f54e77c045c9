import { afterAll, expect, test } from 'vitest'
import { openSession, Random } from '../../../runtime/index.js'
import { GradientSet } from '../../../runtime/training/gradients.js'
import { globalNorm, SquaredNorms } from '../../../runtime/training/norms.js'
import type { TrainableSpec } from '../../../runtime/dropbp/presence.js'
import { zeros, type HostTensor } from '../../../src/host-tensor.js'

const norms = new SquaredNorms(openSession, { threads: 2 })
afterAll(() => norms.release())

/** Gradients of the shapes; null stands for an absent one. */
function gradientsOf(tensors: readonly (HostTensor | null)[]): GradientSet {
  const set = new GradientSet(tensors.map((_, i) => ({ name: `p${i}` }) as TrainableSpec))
  set.expect(tensors.map((t) => t !== null))
  tensors.forEach((t, i) => t && set.set(i, t))
  return set
}

function random(dtype: string, ...shape: number[]): HostTensor {
  const tensor = zeros(dtype, shape)
  const generator = Random.seeded(shape.length)
  tensor.data.forEach((_, i) => (tensor.data[i] = generator.uniform() - 0.3))
  return tensor
}

const exact = ({ data }: HostTensor): number => [...data].reduce<number>((sum, x) => sum + Number(x) ** 2, 0)

test('every shape and type, in the graph and out of it', async () => {
  const tensors = [[], [1], [300], [70000], [257, 511], [2, 3, 151, 173], [2100, 1031]].map((s) =>
    random('float32', ...s),
  )
  const given = [tensors[0]!, null, ...tensors.slice(1), random('float64', 300, 400)]
  const got = await norms.of(gradientsOf(given))
  given.forEach((t, i) => {
    if (t === null) expect(got[i]).toBe(0)
    else expect(Math.abs(got[i]! / exact(t) - 1)).toBeLessThan(1e-6)
  })
  expect(globalNorm(got)).toBe(Math.sqrt(got.reduce((a, b) => a + b)))
})

test.each([NaN, Infinity])('one %s element shows', async (x) => {
  const large = random('float32', 400, 400)
  large.data[77777] = x
  const [norm] = await norms.of(gradientsOf([large]))
  expect(norm).toBe(x)
})
