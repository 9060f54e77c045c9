/** Scalar functions that exporters spell in many ways, read as polynomials in one value. */
import type { Value } from '../../src/ir.js'
import { made, number, orders } from './match.js'

/** Coefficients by degree. */
export type Polynomial = ReadonlyMap<number, number>

const MOST_STEPS = 32
const MOST_DEGREE = 4

/** `v` as a polynomial in `x` built of sums, products and constant powers; undefined where it is none. */
export function polynomial(v: Value, x: Value): Polynomial | undefined {
  return read(v, x, { left: MOST_STEPS })
}

function read(v: Value, x: Value, budget: { left: number }): Polynomial | undefined {
  if (v === x) return new Map([[1, 1]])
  const constant = number(v)
  if (constant !== undefined) return new Map([[0, constant]])
  if (budget.left-- <= 0) return undefined
  const node = made(v, 'Add', 'Sub', 'Mul', 'Div', 'Neg', 'Pow')
  if (!node) return undefined
  const a = read(node.input(0), x, budget)
  if (!a) return undefined
  if (node.op === 'Neg') return times(a, new Map([[0, -1]]))
  const c = read(node.input(1), x, budget)
  if (!c) return undefined
  if (node.op === 'Add') return plus(a, c, 1)
  if (node.op === 'Sub') return plus(a, c, -1)
  if (node.op === 'Mul') return times(a, c)
  const exponent = c.size === 1 ? c.get(0) : undefined
  if (exponent === undefined) return undefined
  return node.op === 'Div' ? times(a, new Map([[0, 1 / exponent]])) : power(a, exponent)
}

function plus(a: Polynomial, b: Polynomial, sign: number): Polynomial {
  const sum = new Map(a)
  for (const [degree, c] of b) sum.set(degree, (sum.get(degree) ?? 0) + sign * c)
  return sum
}

function times(a: Polynomial, b: Polynomial): Polynomial | undefined {
  const product = new Map<number, number>()
  for (const [i, x] of a) for (const [j, y] of b) product.set(i + j, (product.get(i + j) ?? 0) + x * y)
  return Math.max(...product.keys()) <= MOST_DEGREE ? product : undefined
}

function power(a: Polynomial, exponent: number): Polynomial | undefined {
  if (!Number.isInteger(exponent) || exponent < 1 || exponent > MOST_DEGREE) return undefined
  let result: Polynomial | undefined = a
  for (let i = 1; i < exponent && result; i++) result = times(result, a)
  return result
}

/** Whether a polynomial has these coefficients and no others, as far as float32 constants tell. */
export function hasCoefficients(
  p: Polynomial | undefined,
  wanted: Readonly<Record<number, number>>,
): boolean {
  if (!p) return false
  const degrees = new Set([...p.keys(), ...Object.keys(wanted).map(Number)])
  return [...degrees].every((d) => {
    const [got, want] = [p.get(d) ?? 0, wanted[d] ?? 0]
    return Math.abs(got - want) <= TOLERANCE * Math.max(Math.abs(want), want === 0 ? 1e-3 : 0)
  })
}

/** Exporters round constants to float32, and write some with seven digits. */
const TOLERANCE = 1e-5

/** The values that `v` is a constant multiple of, `v` itself first, each with the factor. */
export function* multiples(v: Value): Generator<{ x: Value; factor: number }> {
  let current: { x: Value; factor: number } | undefined = { x: v, factor: 1 }
  while (current) {
    yield current
    current = next(current)
  }
}

function next({ x, factor }: { x: Value; factor: number }): { x: Value; factor: number } | undefined {
  const node = made(x, 'Mul', 'Div')
  for (const [inner, c] of node ? orders(node) : []) {
    const n = number(c, inner)
    if (n === undefined || (node!.op === 'Div' && inner !== node!.inputs[0])) continue
    return { x: inner, factor: node!.op === 'Mul' ? factor * n : factor / n }
  }
  return undefined
}
