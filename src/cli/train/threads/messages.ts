/** What the threads of a training say to each other. */
import type { Failure } from '../../../failure.js'
import type { TrainCommand } from '../flags.js'
import type { Outcome } from '../job.js'
import type { Reporter } from '../reporter.js'

/** What the training thread is started with. */
export interface TrainerThreadData {
  readonly command: TrainCommand
  /** Not zero: end after the running step. */
  readonly stop: Int32Array
}

/** A call of the reporter, which lives in the main thread. */
export type Report = { [K in keyof Reporter]: { call: K; args: Parameters<Reporter[K]> } }[keyof Reporter]

/** From the training thread. */
export type TrainerMessage = { type: 'report'; report: Report } | { type: 'end'; result: Ending }

/** How a thread ended. */
export type Ending = { outcome: Outcome } | { failure: Failure }

/** Aborted once the main thread has set the shared number. */
export function stopSignal(stop: Int32Array): { readonly aborted: boolean } {
  return {
    get aborted() {
      return Atomics.load(stop, 0) !== 0
    },
  }
}
