/** Check of gradients: central differences of the evaluation graph's loss in random directions. */
import type { HostTensor } from '../../host-tensor.js'
import { groupBy, pattern, withoutNumbers } from '../group.js'
import type { Backward, Bench } from './bench.js'
import { compareAlong, type Movable } from './differences.js'
import { compared, type CheckResult } from './results.js'

/** Random directions for each group of parameters. */
const DIRECTIONS = 2
const LIMIT = 1e-2
/** A slope less certain than this tells nothing about the gradient. */
const VAGUE = 0.1

/** Compares parameters in groups that differ only in their layer, so that deep models need no more runs than shallow ones. */
export async function checkGradients(
  bench: Bench,
  base: Backward,
  onCheck: (name: string) => void,
): Promise<CheckResult[]> {
  const results: CheckResult[] = []
  for (const group of groupBy(bench.trainable, (p) => withoutNumbers(p.name))) {
    const name = pattern(group.map((p) => p.name))
    onCheck(`gradient of ${name}`)
    const tensors = group.map((p) => ({
      value: bench.weights.get(p.name)!,
      gradient: presentOrNull(base.gradients.get(p.name)!),
    }))
    const lossAt = (values: readonly HostTensor[]): Promise<number> =>
      bench.loss(Object.fromEntries(group.map((p, i) => [p.input, values[i]!])))
    results.push(await checkGroup(name, tensors, lossAt, base.loss, bench.resolution, results.length))
  }
  return results
}

async function checkGroup(
  name: string,
  tensors: readonly Movable[],
  lossAt: (values: readonly HostTensor[]) => Promise<number>,
  loss: number,
  resolution: number,
  seed: number,
): Promise<CheckResult> {
  const found = []
  for (let k = 0; k < DIRECTIONS; k++) {
    found.push(await compareAlong(tensors, lossAt, seed * DIRECTIONS + k, loss, resolution))
  }
  const bar = Math.max(...found.map((f) => f.bar))
  const errors = found.map((f) => f.error)
  const result = compared('gradient', errors, Math.max(LIMIT, 4 * bar), name)
  return bar > VAGUE && result.passed
    ? { ...result, conclusive: false, detail: `${name} (lost in rounding)` }
    : result
}

function presentOrNull(gradient: HostTensor): HostTensor | null {
  return gradient.data.length === 0 ? null : gradient
}
