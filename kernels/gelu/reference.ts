/** Slopes of GELU in float64. */
import { erf } from '../../src/ops/gelu.js'

/** Φ(x) + x·φ(x) */
export function geluSlope(x: number): number {
  if (!Number.isFinite(x)) return NaN // ∞·0
  const density = Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)
  return 0.5 * (1 + erf(x / Math.SQRT2)) + x * density
}

/** σ(z)·(1 + x·z′·(1 − σ(z))), z = 2√(2/π)·(x + 0.044715·x³) */
export function geluTanhSlope(x: number): number {
  if (!Number.isFinite(x)) return NaN // ∞·0
  const c = 2 * Math.sqrt(2 / Math.PI)
  const e = Math.exp(-Math.abs(c * (x + 0.044715 * x ** 3)))
  const [low, high] = [e / (1 + e), 1 / (1 + e)]
  const slope = x * c * (1 + 3 * 0.044715 * x * x)
  return x < 0 ? low * (1 + slope * high) : high * (1 + slope * low)
}
