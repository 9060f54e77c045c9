/** Closed forms of every optimizer's first step, from zero state, in float64 and without any of the compiler's code. */
import type { OptimizerKind } from '../../manifest.js'

type Numbers = ArrayLike<number>
type Settings = Readonly<Record<string, number>>

/** The parameter after its first step. */
type FirstStep = (
  weight: Numbers,
  gradient: Numbers,
  settings: Settings,
  shape: readonly number[],
) => Float64Array

/** By optimizer. */
export const FIRST_STEPS: Readonly<Record<OptimizerKind, FirstStep>> = {
  /** The moments cancel: p·(1 − lr·λ) − lr·g/(|g| + ε). */
  adamw: (weight, gradient, s) =>
    each(weight, gradient, s, (p, g) => decayed(p, s) - (rate(s) * g) / (Math.abs(g) + (s['epsilon'] ?? 0))),
  /** p − lr·(g + λ·p) */
  sgd: (weight, gradient, s) =>
    each(weight, gradient, s, (p, g) => p - rate(s) * (g + (s['weight_decay'] ?? 0) * p)),
  /** p·(1 − lr·λ) − lr·sign(g) */
  lion: (weight, gradient, s) => each(weight, gradient, s, (p, g) => decayed(p, s) - rate(s) * Math.sign(g)),
  adafactor,
}

/** p·(1 − lr·λ) − max(least, RMS(p))·min(lr, 1)·u/max(1, RMS(u)/d), u = g/√max(v, ε²), v factored for matrices. */
function adafactor(weight: Numbers, gradient: Numbers, s: Settings, shape: readonly number[]): Float64Array {
  const scale = s['gradient_scale'] ?? 1
  const g = Float64Array.from(gradient, (x) => x * scale)
  const squares = g.map((x) => x * x)
  const epsilon = s['epsilon'] ?? 0
  const v = shape.length > 1 ? factored(squares, shape, epsilon) : squares
  const u = g.map((x, i) => x / Math.sqrt(Math.max(v[i]!, epsilon ** 2)))
  const length = Math.max(1, rootMeanSquare(u) / (s['threshold'] ?? 1))
  const reach = Math.max(s['minimum_scale'] ?? 0, rootMeanSquare(weight)) * Math.min(rate(s), 1)
  return Float64Array.from(weight, (p, i) => decayed(p, s) - (reach * u[i]!) / length)
}

/** The product of the means of rows and columns, over the mean of all, for each of the last two axes' matrices. */
function factored(squares: Float64Array, shape: readonly number[], epsilon: number): Float64Array {
  const [rows, columns] = shape.slice(-2) as [number, number]
  const result = new Float64Array(squares.length)
  for (let start = 0; start < squares.length; start += rows * columns) {
    const row = new Float64Array(rows)
    const column = new Float64Array(columns)
    for (let i = 0; i < rows * columns; i++) {
      row[Math.floor(i / columns)]! += squares[start + i]! / columns
      column[i % columns]! += squares[start + i]! / rows
    }
    const all = Math.max(row.reduce((a, b) => a + b, 0) / rows, epsilon)
    for (let i = 0; i < rows * columns; i++)
      result[start + i] = (row[Math.floor(i / columns)]! * column[i % columns]!) / all
  }
  return result
}

function each(
  weight: Numbers,
  gradient: Numbers,
  s: Settings,
  step: (p: number, g: number) => number,
): Float64Array {
  const scale = s['gradient_scale'] ?? 1
  return Float64Array.from(weight, (p, i) => step(p, gradient[i]! * scale))
}

function rate(s: Settings): number {
  return s['learning_rate'] ?? 0
}

function decayed(p: number, s: Settings): number {
  return p * (1 - rate(s) * (s['weight_decay'] ?? 0))
}

function rootMeanSquare(x: Numbers): number {
  let sum = 0
  for (let i = 0; i < x.length; i++) sum += x[i]! ** 2
  return Math.sqrt(sum / x.length)
}
