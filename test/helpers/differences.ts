/** Difference quotients in float64: what gradients are checked against. */

/** The step for an element of this size: the error of a central difference is then about 1e-10. */
export function stepOf(x: number): number {
  return 1e-5 * Math.max(1, Math.abs(x))
}

/** ∂f/∂xᵢ at `x` by a central difference. */
export function differenceQuotient(f: (x: Float64Array) => number, x: Float64Array, i: number): number {
  const v = x[i]!
  const h = stepOf(v)
  return (f(x.with(i, v + h)) - f(x.with(i, v - h))) / (2 * h)
}
