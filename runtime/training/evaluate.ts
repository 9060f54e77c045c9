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
  let total = 0
  let labels = 0
  let count = 0
  for await (const batch of batches) {
    checkBatch(manifest, batch)
    const weight = countedLabels(manifest, batch)
    if (weight > 0) total += weight * (await graph.loss(state, batch))
    labels += weight
    count++
    await nextTurn()
  }
  if (labels === 0) throw new UsageError('no-validation', 'the validation data holds no label that counts')
  const loss = total / labels
  return { loss, perplexity: Math.exp(loss), batches: count }
}
