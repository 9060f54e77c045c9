/** How far a training is: what its checkpoints count. */
import { DropBPError } from '../../src/errors.js'
import type { SkipReason } from './events.js'

/** The best evaluation so far. */
export interface Best {
  step: number
  loss: number
}

/** Counts of a training, as checkpoints keep them. */
export interface ProgressState {
  step: number
  tokens: number
  /** Steps skipped for a loss or gradient that was not finite. */
  skipped: number
  /** Times that drop rates were assigned anew. */
  allocations?: number
  best?: Best | null
  /** Evaluations since the best one. */
  stale?: number
}

/** Steps in a row that may be skipped unless told otherwise. */
const MAX_SKIPPED = 10

export class Progress {
  step = 0
  tokens = 0
  skipped = 0
  allocations = 0
  best: Best | null = null
  stale = 0
  private skippedInARow = 0

  constructor(private readonly maxSkipped = MAX_SKIPPED) {}

  /**
   * Counts a step.
   * @param explained a skipped one is the loss scale's fault, which has been lowered
   * @throws DropBPError `not-finite` after too many skipped steps in a row
   */
  count(tokens: number, skipped: SkipReason | null, explained = false): void {
    this.step++
    this.tokens += tokens
    if (!skipped) {
      this.skippedInARow = 0
      return
    }
    this.skipped++
    if (!explained) this.skippedInARow++
    if (this.skippedInARow <= this.maxSkipped) return
    throw new DropBPError(
      'not-finite',
      `the ${skipped} was not finite in ${this.skippedInARow} steps in a row, up to step ${this.step}; lower the learning rate or look at the data`,
    )
  }

  /** Counts an evaluation, and tells whether it is the best so far, by `minDelta` at least. */
  evaluated(loss: number, minDelta = 0): boolean {
    const better = loss < (this.best?.loss ?? Infinity) - minDelta
    this.stale = better ? 0 : this.stale + 1
    if (better) this.best = { step: this.step, loss }
    return better
  }

  state(): Required<ProgressState> {
    const { step, tokens, skipped, allocations, best, stale } = this
    return { step, tokens, skipped, allocations, best: best && { ...best }, stale }
  }

  restore({ step, tokens, skipped, allocations = 0, best = null, stale = 0 }: ProgressState): void {
    Object.assign(this, { step, tokens, skipped, allocations, best, stale, skippedInARow: 0 })
  }
}
