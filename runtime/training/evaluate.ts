/** The loss over batches, without training. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { UsageError } from '../../src/errors.js'
import { checkBatch, countedLabels, type Batch } from '../data/batch.js'
import type { CompiledModel } from '../manifest.js'
import type { EvaluationResult } from './events.js'
import type { TrainingGraph } from './graph.js'
import type { TrainingState } from './state.js'

/**
 * The mean over all counted labels.
 * @throws UsageError `no-validation`
 */
export async function evaluate(
  { manifest }: CompiledModel,
  graph: TrainingGraph,
  state: TrainingState,
  batches: Iterable<Batch> | AsyncIterable<Batch>,
): Promise<EvaluationResult> {
  const sums = { loss: 0, correct: 0, unsmoothed: 0 }
  let labels = 0
  let count = 0
  for await (const batch of batches) {
    checkBatch(manifest, batch)
    const weight = countedLabels(manifest, batch)
    if (weight > 0) {
      const measured = await graph.loss(state, batch)
      sums.loss += weight * measured.loss
      sums.correct += measured.correct ?? 0
      sums.unsmoothed += weight * (measured.unsmoothed ?? measured.loss)
    }
    labels += weight
    count++
    await nextTurn()
  }
  if (labels === 0) throw new UsageError('no-validation', 'the validation data holds no label that counts')
  const tellsAccuracy = manifest.evaluation?.correct !== undefined
  return {
    loss: sums.loss / labels,
    perplexity: Math.exp(sums.unsmoothed / labels),
    ...(tellsAccuracy && { accuracy: sums.correct / labels }),
    batches: count,
  }
}
