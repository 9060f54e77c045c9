/** What the threads of a training say to each other. */
import { DropBPError, type ErrorClass } from '../../../errors.js'
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

/** An error that can be sent. */
export interface Failure {
  code?: string
  kind?: ErrorClass
  message: string
  stack?: string
}

export function failureOf(error: unknown): Failure {
  if (error instanceof DropBPError) return { code: error.code, kind: error.kind, message: error.message }
  const { message, stack } = error instanceof Error ? error : new Error(String(error))
  return { message, stack }
}

/** The error that was sent. */
export function errorOf({ code, kind, message, stack }: Failure): Error {
  if (code !== undefined) return new DropBPError(code, message, kind)
  return Object.assign(new Error(message), stack === undefined ? {} : { stack })
}

/** Aborted once the main thread has set the shared number. */
export function stopSignal(stop: Int32Array): { readonly aborted: boolean } {
  return {
    get aborted() {
      return Atomics.load(stop, 0) !== 0
    },
  }
}
