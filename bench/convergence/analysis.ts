/** From records to numbers: curves over seeds, and what a budget of time or FLOPs buys. */

/** A point of a curve: a loss at some step, time or FLOPs. */
export interface Point {
  x: number
  y: number
}

/** Mean and spread of values over seeds. */
export interface Spread {
  mean: number
  /** Sample standard deviation; null for a single value. */
  deviation: number | null
  min: number
  max: number
}

export function spread(values: readonly number[]): Spread {
  const n = values.length
  const mean = values.reduce((a, b) => a + b, 0) / n
  const squares = values.reduce((sum, x) => sum + (x - mean) ** 2, 0)
  return {
    mean,
    deviation: n > 1 ? Math.sqrt(squares / (n - 1)) : null,
    min: Math.min(...values),
    max: Math.max(...values),
  }
}

/** The spread of the differences a_i − b_i, pair by pair. */
export function pairedSpread(a: readonly number[], b: readonly number[]): Spread {
  if (a.length !== b.length) throw new Error(`${a.length} values cannot be paired with ${b.length}`)
  return spread(a.map((x, i) => x - b[i]!))
}

/** The value at `x` of the line through points that ascend in x; null outside of them. */
export function interpolate(points: readonly Point[], x: number): number | null {
  const after = points.findIndex((p) => p.x >= x)
  if (after < 0) return null
  const [low, high] = [points[after - 1], points[after]!]
  if (high.x === x) return high.y
  if (!low) return null
  return low.y + ((high.y - low.y) * (x - low.x)) / (high.x - low.x)
}

/** The first x at which the line through the points is at `level` or below; null where it never is. */
export function firstReach(points: readonly Point[], level: number): number | null {
  const at = points.findIndex((p) => p.y <= level)
  if (at < 0) return null
  const [before, there] = [points[at - 1], points[at]!]
  if (!before) return there.x
  return before.x + ((there.x - before.x) * (before.y - level)) / (before.y - there.y)
}

/** Curves of equal x made one: the spread of their y at every point. */
export function bundle(curves: readonly (readonly Point[])[]): { x: number; y: Spread }[] {
  const [first, ...others] = curves
  if (!first) return []
  if (others.some((curve) => curve.length !== first.length))
    throw new Error('curves of different lengths cannot be bundled')
  return first.map((_, i) => ({
    x: spread(curves.map((curve) => curve[i]!.x)).mean,
    y: spread(curves.map((curve) => curve[i]!.y)),
  }))
}
