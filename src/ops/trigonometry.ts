/** Trigonometric and hyperbolic functions and their inverses. */
import type { Builder } from '../builder.js'
import type { Value } from '../ir.js'
import type { OpDef } from '../op.js'
import { oneMinus, plus, square } from './support/emit.js'
import { unary } from './support/unary.js'

/** Definitions of trigonometric and hyperbolic operators. */
export const trigonometry = {
  /** dx = dy·cos x */
  Sin: unary(Math.sin, ({ b, x, dy }) => b.mul(dy, b.emit('Cos', [x]))),
  /** dx = −dy·sin x */
  Cos: unary(Math.cos, ({ b, x, dy }) => b.neg(b.mul(dy, b.emit('Sin', [x])))),
  /** dx = dy·(1 + y²) */
  Tan: unary(Math.tan, ({ b, y, dy }) => b.mul(dy, plus(b, square(b, y), 1))),
  /** dx = dy / √(1 − x²) */
  Asin: unary(Math.asin, ({ b, x, dy }) => b.div(dy, sqrt(b, oneMinus(b, square(b, x))))),
  /** dx = −dy / √(1 − x²) */
  Acos: unary(Math.acos, ({ b, x, dy }) => b.neg(b.div(dy, sqrt(b, oneMinus(b, square(b, x)))))),
  /** dx = dy / (1 + x²) */
  Atan: unary(Math.atan, ({ b, x, dy }) => b.div(dy, plus(b, square(b, x), 1))),
  /** dx = dy·cosh x */
  Sinh: unary(Math.sinh, ({ b, x, dy }) => b.mul(dy, b.emit('Cosh', [x]))),
  /** dx = dy·sinh x */
  Cosh: unary(Math.cosh, ({ b, x, dy }) => b.mul(dy, b.emit('Sinh', [x]))),
  /** dx = dy·(1 − y²) */
  Tanh: unary(Math.tanh, ({ b, y, dy }) => b.mul(dy, oneMinus(b, square(b, y)))),
  /** dx = dy / √(x² + 1) */
  Asinh: unary(Math.asinh, ({ b, x, dy }) => b.div(dy, sqrt(b, plus(b, square(b, x), 1)))),
  /** dx = dy / √(x² − 1) */
  Acosh: unary(Math.acosh, ({ b, x, dy }) => b.div(dy, sqrt(b, plus(b, square(b, x), -1)))),
  /** dx = dy / (1 − x²) */
  Atanh: unary(Math.atanh, ({ b, x, dy }) => b.div(dy, oneMinus(b, square(b, x)))),
} satisfies Record<string, OpDef>

function sqrt(b: Builder, x: Value): Value {
  return b.emit('Sqrt', [x])
}
