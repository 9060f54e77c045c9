/** What is found out about a case. */
import { DropBPError } from '../../../src/errors.js'

/** `ok`, or what else and why. */
export type Outcome =
  | 'ok'
  | {
      /**
       * `refused`: a coded error of the compiler. `none`: there is nothing to check (not differentiable, no values to compare).
       * `outside`: no claim is made of it. `differs`: not what the standard's files say, for a reason that is given in
       * `reasons.ts`. `failed`: wrong.
       */
      readonly status: 'refused' | 'none' | 'outside' | 'differs' | 'failed'
      /** Of the error, where one was thrown. */
      readonly code?: string
      readonly reason: string
    }

/** The outcomes of one case. */
export interface Result {
  readonly operators: readonly string[]
  /** Whether the type rules say what the expected outputs are. */
  readonly type: Outcome
  /** Whether the expected values are computed. */
  readonly forward: Outcome
  /** Whether gradients agree with differences. */
  readonly gradient: Outcome
  /** What had to be done for these outcomes, or was seen on the way. */
  readonly notes?: readonly string[]
}

/** All results, as `results.json` holds them. */
export interface Results {
  /** Version of the `onnx` package. */
  readonly onnx: string
  readonly cases: Readonly<Record<string, Result>>
}

export const none = (reason: string): Outcome => ({ status: 'none', reason })
export const outside = (reason: string): Outcome => ({ status: 'outside', reason })
export const failed = (reason: string): Outcome => ({ status: 'failed', reason })

/** The outcome of a thrown error: a coded one is a refusal, any other a failure. */
export function thrown(error: unknown): Outcome {
  if (error instanceof DropBPError) return { status: 'refused', code: error.code, reason: error.message }
  return failed(error instanceof Error ? (error.stack ?? error.message) : String(error))
}

export function isOk(outcome: Outcome): boolean {
  return outcome === 'ok'
}

export function statusOf(outcome: Outcome): string {
  return outcome === 'ok' ? 'ok' : outcome.status
}
