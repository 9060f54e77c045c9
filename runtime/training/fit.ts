/** The loop of a training: steps, and what is due between them. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { DropBPError } from '../../src/errors.js'
import type { Batch } from '../data/batch.js'
import type { Trainer } from '../trainer.js'
import type { FitOptions, TrainEvent } from './events.js'

/**
 * Trains to the end of the steps, reporting as it goes. The loop runs while the caller iterates; leaving it leaves the
 * trainer at a step's end.
 */
export async function* fit(trainer: Trainer, options: FitOptions): AsyncGenerator<TrainEvent, void, void> {
  const { steps } = trainer.options
  const { data, accumulate = 1, signal, evaluateEvery = 0, saveEvery = 0, checkpoints } = options
  let saved: { step: number; directory?: string } = { step: trainer.step }
  const save = (): TrainEvent => {
    const event = saveEvent(trainer, options)
    saved = event
    return event
  }
  let stop = isStale(trainer, options)
  while (trainer.step < steps && !signal?.aborted && !stop) {
    const batches: Batch[] = []
    while (batches.length < accumulate) batches.push(await data.next())
    if (trainer.ratesAreDue) yield await ratesEvent(trainer, batches[0]!)
    yield { type: 'step', ...(await guarded(trainer.trainStep(batches), saved.directory)) }
    const last = trainer.step === steps
    let best = false
    if (options.validation && isDue(trainer.step, evaluateEvery, last)) {
      const result = await trainer.evaluate(options.validation())
      best = trainer.progress.evaluated(result.loss, options.minDelta)
      yield { type: 'evaluation', step: trainer.step, best, ...result }
      stop = isStale(trainer, options)
    }
    if (checkpoints && (isDue(trainer.step, saveEvery, last) || (best && options.keepBest))) yield save()
    // A run blocks the event loop: timers and signals get their turn between steps.
    await nextTurn()
  }
  if (checkpoints && saved.step < trainer.step) yield save()
  if (stop) yield { type: 'early-stop', step: trainer.step, best: trainer.progress.best!.step }
}

function isDue(step: number, every: number, last: boolean): boolean {
  return last || (every > 0 && step % every === 0)
}

function isStale({ progress }: Trainer, { patience = 0 }: FitOptions): boolean {
  return patience > 0 && progress.best !== null && progress.stale >= patience
}

async function ratesEvent(trainer: Trainer, batch: Batch): Promise<TrainEvent> {
  const sensitivities = await trainer.assignRates(batch)
  return { type: 'rates', step: trainer.step, rates: [...trainer.handler.dropRates], sensitivities }
}

function saveEvent(trainer: Trainer, options: FitOptions) {
  const { checkpoints, data, keep, keepBest, settings } = options
  const { directory } = trainer.save(checkpoints!, data.position(), { keep, keepBest, settings })
  return { type: 'checkpoint', step: trainer.step, directory } as const
}

/** An end for want of finite numbers names what there is to go back to. */
async function guarded<T>(step: Promise<T>, checkpoint: string | undefined): Promise<T> {
  try {
    return await step
  } catch (error) {
    if (!(error instanceof DropBPError) || error.code !== 'not-finite' || checkpoint === undefined)
      throw error
    throw new DropBPError(error.code, `${error.message}; the last good checkpoint is ${checkpoint}`)
  }
}
