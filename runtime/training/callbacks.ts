/** Training with callbacks, for those who would rather be called than iterate. */
import type { Trainer } from '../trainer.js'
import type { EventOf, FitOptions, TrainEvent } from './events.js'
import { fit } from './fit.js'

/** What ends a training after the event, its state saved where checkpoints are. */
export const STOP = 'stop'

/** May be asynchronous; the training waits. */
type Callback<E> = (event: E, trainer: Trainer) => unknown

/** Called as things happen; one that returns `STOP` ends the training. */
export interface Callbacks {
  onStep?: Callback<EventOf<'step'>>
  onEvaluation?: Callback<EventOf<'evaluation'>>
  onRates?: Callback<EventOf<'rates'>>
  onCheckpoint?: Callback<EventOf<'checkpoint'>>
  onEarlyStop?: Callback<EventOf<'early-stop'>>
  /** Every event, before the one of its type. */
  onEvent?: Callback<TrainEvent>
}

const NAMES = {
  step: 'onStep',
  evaluation: 'onEvaluation',
  rates: 'onRates',
  checkpoint: 'onCheckpoint',
  'early-stop': 'onEarlyStop',
} as const satisfies Record<TrainEvent['type'], keyof Callbacks>

/** Runs `fit` to its end, calling back. */
export async function train(trainer: Trainer, options: FitOptions, callbacks: Callbacks): Promise<void> {
  let stopped = false
  const signal = {
    get aborted(): boolean {
      return stopped || (options.signal?.aborted ?? false)
    },
  }
  for await (const event of fit(trainer, { ...options, signal })) {
    for (const callback of [callbacks.onEvent, callbacks[NAMES[event.type]]]) {
      const answer: unknown = await (callback as Callback<TrainEvent> | undefined)?.(event, trainer)
      stopped ||= answer === STOP
    }
  }
}
