/** Activation functions. */
import type { Node, Value } from '../ir.js'
import type { OpDef } from '../op.js'
import { sameAsInput } from './support/broadcast.js'
import { compare, oneMinus, plus, square, where } from './support/emit.js'
import { zip } from './support/nd.js'
import { unary, type UnaryParts } from './support/unary.js'

const alpha = (node: Node, fallback: number) => node.float('alpha', fallback)

/** Definitions of activation functions, but for GELU's. */
export const activation = {
  /** y = max(x, 0); dx = dy where y > 0 */
  Relu: unary(
    (x) => Math.max(x, 0),
    ({ b, y, dy }) => where(b, compare(b, 'Greater', y, 0), dy),
  ),
  /** y = x, αx below 0; dx = dy, α·dy where x ≤ 0 */
  LeakyRelu: unary(
    (x, node) => (x < 0 ? alpha(node, 0.01) * x : x),
    ({ b, node, x, dy }) => where(b, compare(b, 'Greater', x, 0), dy, b.scale(dy, alpha(node, 0.01))),
  ),
  /** y = x, s·x below 0; dx = dy, dy·s where x ≤ 0; ds = dy·min(x, 0) */
  PRelu: {
    infer: sameAsInput,
    grad: (node, { b, dy }) => {
      const [x, slope] = [node.input(0), node.input(1)]
      return [
        () => where(b, compare(b, 'Greater', x, 0), dy(), b.mul(dy(), slope)),
        () => b.mul(dy(), b.emit('Min', [x, b.scalarLike(x, 0)])),
      ]
    },
    evaluate: (_node, [x, slope]) => [zip([x!, slope!], (v, s) => (v < 0 ? s * v : v))],
  },
  /** y = x, α(eˣ − 1) below 0; dx = dy, dy·(y + α) where x ≤ 0 */
  Elu: unary(
    (x, node) => (x < 0 ? alpha(node, 1) * Math.expm1(x) : x),
    ({ b, node, x, y, dy }) =>
      where(b, compare(b, 'Greater', x, 0), dy, b.mul(dy, plus(b, y, alpha(node, 1)))),
  ),
  /** y = γx, γα(eˣ − 1) below 0; dx = γ·dy, dy·(y + γα) where x ≤ 0 */
  Selu: unary(
    (x, node) => selu(node).gamma * (x < 0 ? selu(node).alpha * Math.expm1(x) : x),
    ({ b, node, x, y, dy }) => {
      const { alpha, gamma } = selu(node)
      return where(b, compare(b, 'Greater', x, 0), b.scale(dy, gamma), b.mul(dy, plus(b, y, gamma * alpha)))
    },
  ),
  /** y = x, α(e^(x/α) − 1) below 0; dx = dy, dy·(y/α + 1) where x ≤ 0 */
  Celu: unary(
    (x, node) => (x < 0 ? alpha(node, 1) * Math.expm1(x / alpha(node, 1)) : x),
    ({ b, node, x, y, dy }) =>
      where(b, compare(b, 'Greater', x, 0), dy, b.mul(dy, plus(b, b.scale(y, 1 / alpha(node, 1)), 1))),
  ),
  /** y = x where x > α, else 0; dx = dy where x > α */
  ThresholdedRelu: unary(
    (x, node) => (x > alpha(node, 1) ? x : 0),
    ({ b, node, x, dy }) => where(b, compare(b, 'Greater', x, alpha(node, 1)), dy),
  ),
  /** y = x ∓ bias outside ±λ, else 0; dx = dy where |x| > λ */
  Shrink: unary(shrink, ({ b, node, x, dy }) =>
    where(b, compare(b, 'Greater', b.emit('Abs', [x]), node.float('lambd', 0.5)), dy),
  ),
  /** y = 1 / (1 + e⁻ˣ); dx = dy·y·(1 − y) */
  Sigmoid: unary(sigmoid, ({ b, y, dy }) => b.mul(dy, b.mul(y, oneMinus(b, y)))),
  /** y = min(max(αx + β, 0), 1); dx = α·dy where 0 < y < 1 */
  HardSigmoid: unary(
    (x, node) => Math.min(Math.max(alpha(node, 0.2) * x + node.float('beta', 0.5), 0), 1),
    ({ b, node, y, dy }) => {
      const inside = b.emit('And', [compare(b, 'Greater', y, 0), compare(b, 'Less', y, 1)])
      return where(b, inside, b.scale(dy, alpha(node, 0.2)))
    },
  ),
  /** y = x·min(max(x/6 + ½, 0), 1); dx = dy·(x/3 + ½) where |x| < 3, dy above, 0 below */
  HardSwish: unary(
    (x) => x * Math.min(Math.max(x / 6 + 0.5, 0), 1),
    ({ b, x, dy }) => {
      const slope = plus(b, b.scale(x, 1 / 3), 0.5)
      const outside = where(b, compare(b, 'Greater', x, 0), dy)
      return where(b, compare(b, 'Less', b.emit('Abs', [x]), 3), b.mul(dy, slope), outside)
    },
  ),
  /** y = x·σ(αx); see `swishGradient` */
  Swish: unary(
    (x, node) => x * sigmoid(alpha(node, 1) * x),
    (p) => swishGradient(p, alpha(p.node, 1)),
  ),
  'com.microsoft::QuickGelu': unary(
    (x, node) => x * sigmoid(alpha(node, 1.702) * x),
    (p) => swishGradient(p, alpha(p.node, 1.702)),
  ),
  /** y = x·tanh(ln(1 + eˣ)); see `mishGradient` */
  Mish: unary((x) => x * Math.tanh(softplus(x)), mishGradient),
  /** y = ln(1 + eˣ); dx = dy·σ(x) */
  Softplus: unary(softplus, ({ b, x, dy }) => b.mul(dy, b.emit('Sigmoid', [x]))),
  /** y = x / (1 + |x|); dx = dy / (1 + |x|)² */
  Softsign: unary(
    (x) => x / (1 + Math.abs(x)),
    ({ b, x, dy }) => b.div(dy, square(b, plus(b, b.emit('Abs', [x]), 1))),
  ),
} satisfies Record<string, OpDef>

/** 1 / (1 + e⁻ˣ). */
export function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x))
}

/** ln(1 + eˣ) without overflow. */
function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))
}

function selu(node: Node): { alpha: number; gamma: number } {
  return {
    alpha: alpha(node, 1.67326319217681884765625),
    gamma: node.float('gamma', 1.05070102214813232421875),
  }
}

function shrink(x: number, node: Node): number {
  const lambd = node.float('lambd', 0.5)
  const bias = node.float('bias', 0)
  return x < -lambd ? x + bias : x > lambd ? x - bias : 0
}

/** y = x·σ(αx); with s = σ(αx): dx = dy·(s + αy·(1 − s)) */
function swishGradient({ b, x, y, dy }: UnaryParts, alpha: number): Value {
  const s = b.emit('Sigmoid', [b.scale(x, alpha)])
  return b.mul(dy, b.add(s, b.mul(b.scale(y, alpha), oneMinus(b, s))))
}

/**
 * y = x·t, t = tanh(ln(1 + eˣ)); dx = dy·(t + x·(1 − t²)·σ(x)).
 * With r = σ(−x), t = (1 − r²) / (1 + r²): no Softplus, which stock runtimes compute slowly, and no overflow.
 */
function mishGradient({ b, x, dy }: UnaryParts): Value {
  const r = b.emit('Sigmoid', [b.neg(x)])
  const r2 = square(b, r)
  const t = b.div(oneMinus(b, r2), plus(b, r2, 1))
  const inner = b.mul(b.mul(x, oneMinus(b, square(b, t))), oneMinus(b, r))
  return b.mul(dy, b.add(t, inner))
}
