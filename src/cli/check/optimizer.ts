/** Check of the optimizer graph: the first step from fresh state has a closed form. */
import { floatsOf, scalar, zeros, type HostTensor } from '../../host-tensor.js'
import { stateShape } from '../../manifest.js'
import { type Backward, type Bench, type Tensors } from './bench.js'
import { FIRST_STEPS } from './first-steps.js'
import { compared, type CheckResult } from './results.js'

/** Large enough to be seen beside the rounding of the weights. */
const LEARNING_RATE = 1e-2

/** One step on all parameters. */
export async function checkOptimizer(bench: Bench, { gradients }: Backward): Promise<CheckResult> {
  const { optimizer } = bench.manifest
  const settings = {
    ...Object.fromEntries(optimizer.hyperparameters.map((h) => [h.name, h.default])),
    learning_rate: LEARNING_RATE,
  }
  const session = await bench.open('optimizer')
  const outputs = bench.trainable.map((p) => named(optimizer.parameter.output, p.name))
  const results = await bench.run(session, optimizerFeeds(bench, settings, gradients), outputs)
  const errors = bench.trainable.map((p, i) => {
    const weight = floatsOf(bench.weights.get(p.name)!)
    const gradient = floatsOf(gradients.get(p.name)!)
    // an absent gradient leaves the parameter alone
    const isAbsent = gradient.length === 0 && weight.length > 0
    const expected = isAbsent ? weight : FIRST_STEPS[optimizer.kind](weight, gradient, settings, p.shape)
    return stepError(floatsOf(results[outputs[i]!]!), weight, expected)
  })
  return compared(
    'optimizer',
    errors,
    bench.tolerance(2e-3),
    `first step of ${optimizer.kind} against its formula`,
  )
}

function optimizerFeeds(
  bench: Bench,
  settings: Record<string, number>,
  gradients: Backward['gradients'],
): Tensors {
  const { optimizer } = bench.manifest
  const feeds: Tensors = {}
  for (const [name, value] of Object.entries(settings)) feeds[name] = scalar('float32', value)
  // all state is zero, and read only: one buffer serves every tensor of a shape
  const blank = new Map<string, HostTensor>()
  for (const p of bench.trainable) {
    feeds[named(optimizer.parameter.input, p.name)] = bench.weights.get(p.name)!
    feeds[p.gradient] = gradients.get(p.name)!
    for (const spec of optimizer.state) {
      const { input, dtype } = spec
      const shape = stateShape(spec, p.shape)
      const key = `${dtype}[${shape.join()}]`
      const state = blank.get(key) ?? zeros(dtype, shape)
      blank.set(key, state)
      feeds[named(input, p.name)] = state
    }
  }
  return feeds
}

function named(template: string, parameter: string): string {
  return template.replace('{}', () => parameter)
}

/** Error of a step relative to its length and to what float32 resolves of the weights. */
function stepError(got: ArrayLike<number>, from: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [difference, length, size] = [0, 0, 0]
  for (let i = 0; i < got.length; i++) {
    difference += (got[i]! - expected[i]!) ** 2
    length += (expected[i]! - from[i]!) ** 2
    size += from[i]! ** 2
  }
  const resolved = Math.sqrt(length) + 1e-4 * Math.sqrt(size)
  return difference === 0 ? 0 : Math.sqrt(difference) / resolved
}
