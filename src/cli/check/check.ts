/** `--check`: runs the emitted graphs on random data, against the source model and against each other. */
import { isDraw } from '../../draws.js'
import { DropBPError, unreachable } from '../../errors.js'
import type { HostTensor } from '../../host-tensor.js'
import type { Model } from '../../ir.js'
import type { Manifest } from '../../manifest.js'
import { allGraphs } from '../../order.js'
import { exampleDims } from '../compile/cost.js'
import { Bench, type CheckSubject } from './bench.js'
import type { Dims } from './data.js'
import { checkAnnotated, checkForward, sourceOutputs } from './forward.js'
import { checkGradients } from './gradients.js'
import { checkKeepAll, checkMasks } from './masks.js'
import { checkOptimizer } from './optimizer.js'
import { asserted, type CheckReport, type CheckResult } from './results.js'

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
    const parity = typeof outputs === 'string' ? withoutSource(outputs) : []
    if (typeof outputs !== 'string') {
      onCheck('annotated model')
      parity.push(await checkAnnotated(bench, outputs))
    }
    onCheck('evaluation graph')
    const loss = await bench.loss()
    if (typeof outputs !== 'string') parity.push(checkForward(bench, outputs[subject.lossOutput]!, loss))
    onCheck('training graph')
    const { base, results: keepAll } = await checkKeepAll(bench, loss)
    const masks = await checkMasks(bench, base)
    onCheck('optimizer')
    const optimizer = await checkOptimizer(bench, base)
    const draws = drawsAtRandom(subject.source)
    const gradients = draws ? [] : await checkGradients(bench, base, onCheck)
    const compared = [...keepAll, ...masks].map((r) => (draws && r.error !== null ? undecided(r) : r))
    const results = [...parity, ...compared, optimizer, ...gradients]
    return { passed: results.every((r) => r.passed), dims, results }
  } finally {
    await bench.release()
  }
}

function drawsAtRandom(model: Model): boolean {
  return allGraphs(model.graph).some((graph) => [...graph.nodes].some(isDraw))
}

/** A comparison of two runs of a graph that draws at random. */
function undecided(result: CheckResult): CheckResult {
  const detail = `${result.detail} (not compared: the model draws at random, anew in every run)`
  return { ...result, passed: true, conclusive: false, error: null, limit: null, detail }
}

/** The comparisons with a source model that ONNX Runtime has no kernels for. */
function withoutSource(why: string): CheckResult[] {
  return ['annotated model', 'evaluation graph'].map((name) => ({
    ...asserted(name, true, `not compared with the source model: ${why}`),
    conclusive: false,
  }))
}

/** What ONNX Runtime says of an operator that it has for other element types only. */
const NO_KERNEL = /Could not find an implementation[^;]*|Failed to find kernel[^;(]*/

/**
 * A bench on which the source model runs: some exports fail in ONNX Runtime for any batch but one. In place of its outputs
 * the reason, where ONNX Runtime has no kernels for its element type.
 */
async function openBench(
  subject: CheckSubject,
  given: Dims,
): Promise<{ bench: Bench; dims: Dims; outputs: HostTensor[] | string }> {
  const attempts = [2, 1].map((batch) => checkDims(subject.manifest, given, batch))
  for (const [i, dims] of attempts.entries()) {
    const bench = new Bench(subject, dims)
    try {
      const outputs = await sourceOutputs(bench)
      return { bench, dims, outputs: drawsAtRandom(subject.source) ? 'it draws at random' : outputs }
    } catch (error) {
      await bench.release()
      const missing = NO_KERNEL.exec((error as Error).message)
      if (missing) return { bench, dims, outputs: `it does not run here, ${missing[0].trim()}` }
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
