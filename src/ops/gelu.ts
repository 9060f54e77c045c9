/** GELU in its forms, and the error function it is made of. */
import type { Builder } from '../builder.js'
import type { Node, Value } from '../ir.js'
import type { GradRule, NdArray, OpDef } from '../op.js'
import { sigmoid } from './activation.js'
import { broadcasting, sameAsInput } from './support/broadcast.js'
import { lazy, oneMinus, plus, square } from './support/emit.js'
import { map, zip } from './support/nd.js'
import { unary } from './support/unary.js'

/** Definitions of GELU and Erf. */
export const gelu = {
  /** dx = dy·(2/√π)·e^(−x²) */
  Erf: unary(erf, ({ b, x, dy }) =>
    b.mul(b.scale(dy, 2 / Math.sqrt(Math.PI)), b.emit('Exp', [b.neg(square(b, x))])),
  ),
  /** y = x·Φ(x), or with approximate="tanh" ½x(1 + tanh(√(2/π)(x + 0.044715x³))) */
  Gelu: unary(
    (x, node) => (isTanh(node) ? geluTanh(x) : geluExact(x)),
    ({ b, node, x, dy }) => (isTanh(node) ? tanhGradient(b, x, dy) : exactGradient(b, x, dy)),
  ),
  'com.microsoft::Gelu': unary(geluExact, ({ b, x, dy }) => exactGradient(b, x, dy)),
  /** y = gelu(a + bias), exact. Inputs: a, bias. */
  'com.microsoft::BiasGelu': {
    infer: broadcasting(),
    grad: biased(exactGradient),
    evaluate: evaluateBiased(geluExact),
  },
  /** y = gelu(x + bias), by tanh. Inputs: x, bias (optional). */
  'com.microsoft::FastGelu': {
    infer: sameAsInput,
    grad: biased(tanhGradient),
    evaluate: evaluateBiased(geluTanh),
  },
} satisfies Record<string, OpDef>

/** The error function to full float64 accuracy. */
export function erf(x: number): number {
  if (Number.isNaN(x)) return NaN
  if (Math.abs(x) > 6) return Math.sign(x)
  // erf x = (2/√π)·e^(−x²)·Σ 2ⁿx^(2n+1) / (2n+1)!!: terms of one sign, nothing cancels.
  let term = x
  let sum = x
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1)
    sum += term
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum
}

const SLOPE = Math.sqrt(2 / Math.PI)
const CUBIC = SLOPE * 0.044715

function geluExact(x: number): number {
  return 0.5 * x * (1 + erf(x / Math.SQRT2))
}

function geluTanh(x: number): number {
  return x * sigmoid(2 * (SLOPE * x + CUBIC * x ** 3))
}

function isTanh(node: Node): boolean {
  return node.string('approximate', 'none') === 'tanh'
}

/** y = x·Φ(x); with t = x/√2: dx = dy·½·(1 + erf t + (2/√π)·t·e^(−t²)) */
export function exactGradient(b: Builder, x: Value, dy: Value): Value {
  const t = b.scale(x, Math.SQRT1_2)
  const density = b.mul(b.scale(t, 2 / Math.sqrt(Math.PI)), b.emit('Exp', [b.neg(square(b, t))]))
  return b.mul(b.scale(dy, 0.5), b.add(plus(b, b.emit('Erf', [t]), 1), density))
}

/**
 * y = x·σ(z), z = 2√(2/π)(x + 0.044715x³), which is ½x(1 + tanh(z/2)).
 * With s = σ(z): dx = dy·s·(1 + xz′·(1 − s)), and xz′ = 3z − 4√(2/π)x.
 */
export function tanhGradient(b: Builder, x: Value, dy: Value): Value {
  const z = b.mul(x, plus(b, b.scale(square(b, x), 2 * CUBIC), 2 * SLOPE))
  const s = b.emit('Sigmoid', [z])
  const xdz = b.sub(b.scale(z, 3), b.scale(x, 4 * SLOPE))
  return b.mul(b.mul(dy, s), plus(b, b.mul(xdz, oneMinus(b, s)), 1))
}

/** y = f(x + bias); dx = dbias = f′(x + bias)·dy */
function biased(gradient: (b: Builder, x: Value, dy: Value) => Value): GradRule {
  return (node, { b, dy }) => {
    const input = () => (node.inputs[1] ? b.add(node.input(0), node.inputs[1]) : node.input(0))
    const once = lazy(() => gradient(b, input(), dy()))
    return [once, once]
  }
}

function evaluateBiased(f: (x: number) => number) {
  return (_node: Node, [x, bias]: readonly (NdArray | undefined)[]) => [
    map(bias ? zip([x!, bias], (a, c) => a + c) : x!, f),
  ]
}
