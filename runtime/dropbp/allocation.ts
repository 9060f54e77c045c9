/** When drop rates are assigned, and by what. */
import { UsageError } from '../../src/errors.js'
import type { DropBPHandler } from './handler.js'
import type { MeasureGradients } from './sensitivity.js'

/** What an assignment of rates can use. */
interface AllocationInputs {
  readonly handler: DropBPHandler
  readonly measure: MeasureGradients
}

/** Assigns rates; returns the sensitivities that it used, null where it uses or has none. */
type Allocate = (inputs: AllocationInputs) => Promise<readonly number[] | null>

interface Allocation {
  readonly assign: Allocate
  /** Shares of the training after which it is done unless told otherwise. */
  readonly at: readonly number[]
}

const EVERY_TENTH = Array.from({ length: 9 }, (_, i) => (i + 1) / 10)

/** Ways to divide the drop rate among sites. A new one is a line here. */
export const ALLOCATIONS = {
  /** All the same. */
  uniform: { at: [], assign: () => Promise.resolve(null) },
  /** Growing with depth. */
  depth: { at: [0], assign: ({ handler }) => Promise.resolve(handler.setDepthRates()) },
  /** The official measurement on one batch. */
  sensitivity: {
    at: [0.1],
    assign: ({ handler, measure }) => handler.sensitivityBasedDropBP(measure),
  },
  /** Estimated from the gradients of training. */
  online: { at: EVERY_TENTH, assign: ({ handler }) => Promise.resolve(handler.assignOnlineRates()) },
} satisfies Record<string, Allocation>

/** How rates are assigned. */
export type RateKind = keyof typeof ALLOCATIONS

/** The names, for those who choose. */
export const RATE_KINDS = Object.keys(ALLOCATIONS) as RateKind[]

/**
 * Steps before which rates are assigned, ascending. Entries below 1 are shares of the training.
 * @throws UsageError `rates-at`
 */
export function allocationSteps(kind: RateKind, steps: number, at: readonly number[] = ALLOCATIONS[kind].at) {
  const wrong = at.find((x) => !(x >= 0 && x < steps && (x < 1 || Number.isInteger(x))))
  if (wrong !== undefined) {
    throw new UsageError(
      'rates-at',
      `rates are to be assigned at ${wrong}: expected a share of the training below 1, or a step below ${steps}`,
    )
  }
  const points = at.map((x) => (x < 1 ? Math.floor(x * steps) : x))
  return kind === 'uniform' ? [] : [...new Set(points)].sort((a, b) => a - b)
}
