/** `--check`: runs the emitted graphs on random data, against the source model and against each other. */
import { DropBPError, unreachable } from '../../errors.js'
import type { HostTensor } from '../../host-tensor.js'
import type { Manifest } from '../../manifest.js'
import { exampleDims } from '../compile/cost.js'
import { Bench, type CheckSubject } from './bench.js'
import type { Dims } from './data.js'
import { checkAnnotated, checkForward, sourceOutputs } from './forward.js'
import { checkGradients } from './gradients.js'
import { checkKeepAll, checkMasks } from './masks.js'
import { checkOptimizer } from './optimizer.js'
import type { CheckReport } from './results.js'

/**
 * Compares forward, gradients, masks and the optimizer's step.
 * @param given sizes of symbolic dimensions; small ones are chosen for the others
 * @param onCheck told before each comparison
 * @throws DropBPError `session-failed` where a graph does not run at all
 */
export async function checkCompiled(
  subject: CheckSubject,
  given: Dims,
  onCheck: (name: string) => void = () => {},
): Promise<CheckReport> {
  onCheck('source model')
  const { bench, dims, outputs } = await openBench(subject, given)
  try {
    onCheck('annotated model')
    const annotated = await checkAnnotated(bench, outputs)
    onCheck('evaluation graph')
    const forward = await checkForward(bench, outputs[subject.lossOutput]!)
    const loss = await bench.loss()
    onCheck('training graph')
    const { base, results: keepAll } = await checkKeepAll(bench, loss)
    const masks = await checkMasks(bench, base)
    onCheck('optimizer')
    const optimizer = await checkOptimizer(bench, base)
    const gradients = await checkGradients(bench, base, onCheck)
    const results = [annotated, forward, ...keepAll, ...masks, optimizer, ...gradients]
    return { passed: results.every((r) => r.passed), dims, results }
  } finally {
    await bench.release()
  }
}

/** A bench on which the source model runs: some exports fail in ONNX Runtime for any batch but one. */
async function openBench(
  subject: CheckSubject,
  given: Dims,
): Promise<{ bench: Bench; dims: Dims; outputs: HostTensor[] }> {
  const attempts = [2, 1].map((batch) => checkDims(subject.manifest, given, batch))
  for (const [i, dims] of attempts.entries()) {
    const bench = new Bench(subject, dims)
    try {
      return { bench, dims, outputs: await sourceOutputs(bench) }
    } catch (error) {
      await bench.release()
      const last = i === attempts.length - 1
      if (last || !(error instanceof DropBPError) || error.code !== 'session-failed') throw error
    }
  }
  return unreachable('no attempt was made')
}

/** The report's example for a sequence is long: a check is about numbers, not about speed. */
const SMALL: Readonly<Record<number, number>> = { 512: 8 }

function checkDims(manifest: Manifest, given: Dims, batch: number): Dims {
  const examples = Object.entries(exampleDims(manifest, {}))
  return Object.fromEntries(
    examples.map(([name, size]) => [name, given[name] ?? (size === 1 ? batch : (SMALL[size] ?? size))]),
  )
}
