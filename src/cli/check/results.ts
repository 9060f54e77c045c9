/** Results of checks. */
import type { Dims } from './data.js'

/** One comparison. */
export interface CheckResult {
  name: string
  passed: boolean
  /** False where rounding hides what was to be compared. */
  conclusive: boolean
  /** The largest error, relative; null where nothing was measured. */
  error: number | null
  limit: number | null
  /** What was compared. */
  detail: string
}

/** All comparisons. */
export interface CheckReport {
  passed: boolean
  dims: Dims
  results: CheckResult[]
}

/** A comparison of numbers; NaN fails. */
export function compared(
  name: string,
  errors: readonly number[],
  limit: number,
  detail: string,
): CheckResult {
  const error = errors.reduce((a, b) => (a > b || Number.isNaN(a) ? a : b), 0)
  return { name, passed: error <= limit, conclusive: true, error, limit, detail }
}

/** A comparison of yes and no. */
export function asserted(name: string, passed: boolean, detail: string): CheckResult {
  return { name, passed, conclusive: true, error: null, limit: null, detail }
}

/** |a − b| relative to b, absolute below 1. */
export function distance(a: number, b: number): number {
  return Math.abs(a - b) / Math.max(1, Math.abs(b))
}

/** ‖a − b‖ / ‖b‖; infinite where sizes differ. */
export function relativeError(a: ArrayLike<number | bigint>, b: ArrayLike<number | bigint>): number {
  if (a.length !== b.length) return Infinity
  let [difference, norm] = [0, 0]
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [Number(a[i]), Number(b[i])]
    // equal infinities (masks) are equal
    if (x === y) norm += Number.isFinite(y) ? y * y : 0
    else [difference, norm] = [difference + (x - y) ** 2, norm + y * y]
  }
  return difference === 0 ? 0 : Math.sqrt(difference / Math.max(norm, Number.MIN_VALUE))
}
