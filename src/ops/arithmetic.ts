/** Element-wise arithmetic. */
import type { Builder } from '../builder.js'
import { Expr } from '../expr.js'
import type { Node, Value } from '../ir.js'
import type { GradContext, GradRule, NdArray, OpDef } from '../op.js'
import { isFloat } from '../types.js'
import { broadcasting, sameAsInput, withKnown, type Combine } from './support/broadcast.js'
import { compare, lazy, square, where } from './support/emit.js'
import { map, zip } from './support/nd.js'
import { bounds, maxOf, minOf, constantNumbers } from './support/shapes.js'
import { unary } from './support/unary.js'

/** Definitions of element-wise arithmetic operators. */
export const arithmetic = {
  /** y = a + b; da = db = dy */
  Add: {
    infer: broadcasting((a, b) => a.add(b)),
    grad: (_node, { dy }) => [() => dy(), () => dy()],
    evaluate: (_node, operands) => [zip(present(operands), (a, b) => a + b)],
  },
  /** y = a − b; da = dy, db = −dy */
  Sub: {
    infer: broadcasting((a, b) => a.sub(b)),
    grad: (_node, { b, dy }) => [() => dy(), () => b.neg(dy())],
    evaluate: (_node, operands) => [zip(present(operands), (a, b) => a - b)],
  },
  /** y = a·c; da = dy·c, dc = dy·a */
  Mul: {
    infer: broadcasting((a, b) => a.mul(b)),
    grad: (node, { b, dy }) => [() => b.mul(dy(), node.input(1)), () => b.mul(dy(), node.input(0))],
    evaluate: (_node, operands) => [zip(present(operands), (a, b) => a * b)],
  },
  /** y = a / c; da = dy / c, dc = −dy·y / c. Integers truncate. */
  Div: {
    infer: broadcasting(divideKnown),
    grad: (node, { b, dy }) => [
      () => b.div(dy(), node.input(1)),
      () => b.neg(b.div(b.mul(dy(), node.output()), node.input(1))),
    ],
    evaluate: (_node, operands) => [divide(present(operands))],
  },
  /**
   * y = a mod c. With fmod=1 the result has the dividend's sign (a − c·trunc(a/c)), else the divisor's.
   * da = dy, dc = −dy·trunc(a/c), which is −dy·(a − y)/c; almost everywhere.
   */
  Mod: {
    infer: (node, ctx) => broadcasting(node.int('fmod', 0) ? undefined : floorModKnown)(node, ctx),
    grad: (node, { b, dy }) => [
      () => dy(),
      () => b.neg(b.mul(dy(), b.div(b.sub(node.input(0), node.output()), node.input(1)))),
    ],
    evaluate: (node, operands) => [zip(present(operands), node.int('fmod', 0) ? fmod : floorMod)],
  },
  /** y = −x; dx = −dy */
  Neg: {
    ...unary(
      (x) => -x,
      ({ b, dy }) => b.neg(dy),
    ),
    infer: knownUnary((x) => Expr.zero.sub(x)),
  },
  /** y = |x|; dx = dy·sign(x), 0 at 0 */
  Abs: {
    ...unary(Math.abs, ({ b, x, dy }) => b.mul(dy, b.emit('Sign', [x]))),
    infer: knownUnary((x) => maxOf(x, Expr.zero.sub(x))),
  },
  Sign: unary(Math.sign, 'none'),
  Floor: unary(Math.floor, 'none'),
  Ceil: unary(Math.ceil, 'none'),
  /** Halves round to even. */
  Round: unary(roundEven, 'none'),
  /** y = eˣ; dx = dy·y */
  Exp: unary(Math.exp, ({ b, y, dy }) => b.mul(dy, y)),
  /** y = ln x; dx = dy / x */
  Log: unary(Math.log, ({ b, x, dy }) => b.div(dy, x)),
  /** y = √x; dx = dy / 2y: infinite at 0, as in PyTorch */
  Sqrt: unary(Math.sqrt, ({ b, y, dy }) => b.div(b.scale(dy, 0.5), y)),
  /** y = 1/x; dx = −dy·y² */
  Reciprocal: unary(
    (x) => 1 / x,
    ({ b, y, dy }) => b.neg(b.mul(dy, square(b, y))),
  ),
  /** y = xᵖ; see `powGradient` */
  Pow: {
    infer: broadcasting(powKnown),
    grad: powGradient,
    evaluate: (_node, operands) => [zip(present(operands), (x, p) => x ** p)],
  },
  /** y = max(x₁, …); dxᵢ = dy where xᵢ = y, shared equally where several are */
  Max: {
    infer: broadcasting((...x) => x.reduce((a, b) => maxOf(a, b))),
    grad: extremumGradient,
    evaluate: (_node, operands) => [zip(present(operands), Math.max)],
  },
  /** y = min(x₁, …); dxᵢ = dy where xᵢ = y, shared equally where several are */
  Min: {
    infer: broadcasting((...x) => x.reduce((a, b) => minOf(a, b))),
    grad: extremumGradient,
    evaluate: (_node, operands) => [zip(present(operands), Math.min)],
  },
  /** y = Σxᵢ; dxᵢ = dy */
  Sum: {
    infer: broadcasting(),
    grad: (node, { dy }) => node.inputs.map(() => () => dy()),
    evaluate: (_node, operands) => [zip(present(operands), (...x) => x.reduce((a, b) => a + b))],
  },
  /** y = Σxᵢ / n; dxᵢ = dy / n */
  Mean: {
    infer: broadcasting(),
    grad: (node, { b, dy }) => node.inputs.map(() => () => b.scale(dy(), 1 / node.inputs.length)),
    evaluate: (_node, operands) => [zip(present(operands), (...x) => x.reduce((a, b) => a + b) / x.length)],
  },
  /**
   * y = min(max(x, low), high); dx = dy where x = y, dlow = dy where x < y, dhigh = dy where x > y. Where low is above high,
   * y is high.
   */
  Clip: {
    infer: (node, ctx) =>
      sameAsInput(node, ctx).map((y) => withKnown(y, present(node.inputs), clipKnown(node))),
    grad: (node, { b, dy }) => {
      const [x, y] = [node.input(0), node.output()]
      const [low, high] = [node.inputs[1], node.inputs[2]]
      const dyWhere = (op: 'Equal' | 'Less' | 'Greater') => () => where(b, compare(b, op, x, y), dy())
      const [least, most] = [constantNumbers(low), constantNumbers(high)]
      if (!low || !high || (least && most && least[0]! <= most[0]!))
        return [dyWhere('Equal'), dyWhere('Less'), dyWhere('Greater')]
      const ordered = lazy(() => compare(b, 'LessOrEqual', low, high))
      return [
        () => where(b, ordered(), dyWhere('Equal')()),
        () => where(b, ordered(), dyWhere('Less')()),
        () => where(b, b.emit('And', [ordered(), compare(b, 'LessOrEqual', x, y)]), b.scalarLike(y, 0), dy()),
      ]
    },
    evaluate: (_node, [x, low, high]) => [
      map(x!, (v) => Math.min(Math.max(v, low?.data[0] ?? -Infinity), high?.data[0] ?? Infinity)),
    ],
  },
} satisfies Record<string, OpDef>

function present<T extends object>(operands: readonly (T | null | undefined)[]): T[] {
  return operands.filter((x) => x != null)
}

function knownUnary(combine: Combine): OpDef['infer'] {
  return (node, ctx) => sameAsInput(node, ctx).map((y) => withKnown(y, [node.input(0)], combine))
}

/** Integer quotients truncate; `Expr.div` floors, which is the same for what is not negative, as sizes are not. */
function divideKnown(a: Expr, c: Expr): Expr | undefined {
  const [x, y] = [a.constant, c.constant]
  if (x !== undefined && y !== undefined) return y === 0 ? undefined : Expr.of(Math.trunc(x / y))
  return bounds(a, 1)[1] < 0 || bounds(c, 1)[1] <= 0 ? undefined : a.div(c)
}

function floorModKnown(a: Expr, c: Expr): Expr | undefined {
  return c.constant === 0 ? undefined : a.sub(c.mul(a.div(c)))
}

function clipKnown(node: Node): Combine {
  return (x, first, second) => {
    const [low, high] = node.inputs[1] ? [first, second] : [undefined, first]
    const raised = low ? maxOf(x!, low) : x!
    return high ? minOf(raised, high) : raised
  }
}

function powKnown(x: Expr, p: Expr): Expr | undefined {
  const n = p.constant
  if (n === undefined || n < 0 || n > 8) return undefined
  return Array.from({ length: n }, () => x).reduce((product, factor) => product.mul(factor), Expr.one)
}

function divide(operands: readonly NdArray[]): NdArray {
  const integer = !isFloat(operands[0]!.dtype)
  return zip(operands, (a, b) => (integer ? Math.trunc(a / b) : a / b))
}

const fmod = (a: number, b: number) => a % b
/** The rest with the divisor's sign; of an infinite divisor too. */
function floorMod(a: number, b: number): number {
  const rest = a % b
  return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest
}

function roundEven(x: number): number {
  const rounded = Math.round(x)
  return Math.abs(x % 1) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded
}

/** Each operand that equals the extremum gets an equal share of dy. */
function extremumGradient(node: Node, { b, dy }: GradContext) {
  const equals = (x: Value | null) => compare(b, 'Equal', x!, node.output())
  const share = lazy(() => {
    const counts = node.inputs.map((x) => b.cast(equals(x), dy().type!.dtype))
    return b.div(
      dy(),
      counts.reduce((n, c) => b.add(n, c)),
    )
  })
  return node.inputs.map((x) => () => (node.inputs.length === 1 ? dy() : where(b, equals(x), share())))
}

/**
 * y = xᵖ; dx = dy·p·xᵖ⁻¹ (0 where p = 0), dp = dy·y·ln x (0 where x ≤ 0).
 * A constant exponent needs neither Log nor, in the usual cases, Pow.
 */
function powGradient(node: Node, g: GradContext): ReturnType<GradRule> {
  const { b, dy } = g
  const [x, p, y] = [node.input(0), node.input(1), node.output()]
  const exponent = p.data?.size === 1 && !g.wants(1) ? p.data.item() : undefined
  return [
    () =>
      exponent === undefined
        ? powGradientGeneral(b, x, p, dy())
        : powGradientConstant(b, x, y, exponent, dy()),
    isFloat(p.type?.dtype)
      ? () => {
          const safe = where(b, compare(b, 'Greater', x, 0), x, 1)
          return b.cast(b.mul(dy(), b.mul(y, b.emit('Log', [safe]))), p.type!.dtype)
        }
      : null,
  ]
}

function powGradientConstant(b: Builder, x: Value, y: Value, p: number, dy: Value): Value {
  switch (p) {
    case 0:
      return b.full(y.type!, 0)
    case 1:
      return dy
    case 2:
      return b.mul(b.scale(dy, 2), x)
    case 3:
      return b.mul(b.scale(dy, 3), square(b, x))
    case 0.5:
      return b.div(b.scale(dy, 0.5), y)
    case -1:
      return b.neg(b.mul(dy, square(b, y)))
    default:
      return b.mul(b.scale(dy, p), b.emit('Pow', [x, b.scalarLike(x, p - 1)]))
  }
}

function powGradientGeneral(b: Builder, x: Value, p: Value, dy: Value): Value {
  const exponent = b.cast(p, x.type!.dtype)
  const power = b.emit('Pow', [x, b.sub(exponent, b.scalarLike(exponent, 1))])
  return b.mul(dy, where(b, compare(b, 'Equal', exponent, 0), b.scalarLike(x, 0), b.mul(exponent, power)))
}
