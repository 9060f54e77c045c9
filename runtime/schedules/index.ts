/** Learning-rate schedules. */
import { UsageError } from '../../src/errors.js'
import { SHAPES, type ScheduleKind } from './shapes.js'

export { SCHEDULES, type ScheduleKind } from './shapes.js'

export interface ScheduleOptions {
  kind: ScheduleKind
  /** The highest rate. */
  learningRate: number
  /** Steps of linear rise from zero; the last of them has the highest rate. */
  warmup: number
  /** Steps of the whole training. */
  steps: number
  /** Where the fall ends, as a share of the highest rate. */
  floor?: number
}

/** Learning rate by step, counted from 0. */
export type Schedule = (step: number) => number

/**
 * Warm-up: lr·(t+1)/w. Then with r = (t−w)/(T−w): constant lr; linear lr·(1−r); cosine lr·(1+cos πr)/2; the latter two
 * scaled into [floor·lr, lr].
 * @throws UsageError `learning-rate`, `warmup`
 */
export function makeSchedule({ kind, learningRate, warmup, steps, floor = 0 }: ScheduleOptions): Schedule {
  if (!(learningRate >= 0 && Number.isFinite(learningRate))) {
    throw new UsageError(
      'learning-rate',
      `learning rate ${learningRate}: expected a finite number, not negative`,
    )
  }
  if (!(warmup >= 0 && warmup <= steps)) {
    throw new UsageError(
      'warmup',
      `warm-up of ${warmup} steps: expected between 0 and the ${steps} steps of the training`,
    )
  }
  return (step) => {
    if (step < warmup) return (learningRate * (step + 1)) / warmup
    const rest = Math.max(steps - warmup, 1)
    return learningRate * (floor + (1 - floor) * SHAPES[kind](Math.min((step - warmup) / rest, 1)))
  }
}
