/** Symbolic integer expressions: polynomials over named dimensions, for shapes and FLOPs alike. */
import { numbers, type ExprAlgebra } from './expr/algebra.js'
import { parse, parseCall } from './expr/parser.js'
import { isProduct, joinKey, print, removeAtoms, splitKey, type Terms } from './expr/terms.js'

/**
 * An immutable polynomial with number coefficients over atoms. An atom is a symbol (`batch`) or an opaque
 * expression that no polynomial expresses, such as `floor(seq / 2)` or `max(a, b)`.
 */
export class Expr {
  private constructor(
    private readonly terms: Terms,
    private text?: string,
  ) {}

  static readonly zero = new Expr(new Map())
  static readonly one = new Expr(new Map([['', 1]]))

  /** The constant `n`. */
  static of(n: number): Expr {
    return n === 0 ? Expr.zero : n === 1 ? Expr.one : new Expr(new Map([['', n]]))
  }

  /** A named dimension, or an opaque expression that prints as `name`. */
  static symbol(name: string): Expr {
    return new Expr(new Map([[name.replaceAll(' ', ''), 1]]))
  }

  static from(value: Expr | number | string): Expr {
    if (value instanceof Expr) return value
    return typeof value === 'number' ? Expr.of(value) : parseExpr(value)
  }

  /** The value where the expression is constant, else undefined. */
  get constant(): number | undefined {
    if (this.terms.size === 0) return 0
    if (this.terms.size > 1) return undefined
    return this.terms.get('')
  }

  /** The names of all atoms. */
  atoms(): Set<string> {
    const names = new Set<string>()
    for (const key of this.terms.keys()) for (const atom of splitKey(key)) names.add(atom)
    return names
  }

  /** The names of all symbols, those within opaque expressions too. */
  symbols(): Set<string> {
    const names = new Set<string>()
    this.fold<void>({
      constant: () => undefined,
      atom: (name) => void names.add(name),
      add: () => undefined,
      mul: () => undefined,
      call: () => undefined,
    })
    return names
  }

  add(other: Expr | number): Expr {
    return this.combine(Expr.from(other), 1)
  }

  sub(other: Expr | number): Expr {
    return this.combine(Expr.from(other), -1)
  }

  mul(other: Expr | number): Expr {
    const right = Expr.from(other)
    const terms = new Map<string, number>()
    for (const [a, x] of this.terms)
      for (const [b, y] of right.terms) {
        const key = joinKey([...splitKey(a), ...splitKey(b)])
        terms.set(key, (terms.get(key) ?? 0) + x * y)
      }
    return make(terms)
  }

  /** `floor(this / other)`; exact where a monomial divides every term, opaque otherwise. */
  div(other: Expr | number): Expr {
    const divisor = Expr.from(other)
    const exact = this.divideExactly(divisor)
    if (exact) return exact
    const a = this.constant
    const b = divisor.constant
    if (a !== undefined && b !== undefined && b !== 0) return Expr.of(Math.floor(a / b))
    return Expr.symbol(`floor(${this.wrapped()}/${divisor.wrapped()})`)
  }

  /** `ceil(this / other)`. */
  ceilDiv(other: Expr | number): Expr {
    const divisor = Expr.from(other)
    return this.divideExactly(divisor) ?? this.add(divisor).sub(1).div(divisor)
  }

  max(other: Expr | number): Expr {
    return this.choose('max', Expr.from(other), Math.max)
  }

  min(other: Expr | number): Expr {
    return this.choose('min', Expr.from(other), Math.min)
  }

  equals(other: Expr | number): boolean {
    const right = Expr.from(other)
    if (this.terms.size !== right.terms.size) return false
    for (const [key, x] of this.terms) if (right.terms.get(key) !== x) return false
    return true
  }

  /** The value at given dimensions; throws `unbound-dimension` where one is missing. */
  evaluate(dims: Readonly<Record<string, number>>): number {
    let total = 0
    for (const [key, coefficient] of this.terms) {
      let product = coefficient
      for (const atom of splitKey(key)) product *= evaluateAtom(atom, dims)
      total += product
    }
    return total
  }

  /** Rebuilds the expression bottom-up in another algebra (emitted nodes, say). */
  fold<T>(algebra: ExprAlgebra<T>): T {
    const terms = [...this.terms].map(([key, coefficient]) => {
      const factors = splitKey(key).map((atom) => foldAtom(atom, algebra))
      if (coefficient !== 1 || factors.length === 0) factors.push(algebra.constant(coefficient))
      return factors.reduce((a, b) => algebra.mul(a, b))
    })
    return terms.length === 0 ? algebra.constant(0) : terms.reduce((a, b) => algebra.add(a, b))
  }

  /** Replaces atoms by expressions; atoms without one stay. */
  substitute(replace: (atom: string) => Expr | undefined): Expr {
    return this.fold({ ...EXPRESSIONS, atom: (name) => replace(name) ?? Expr.symbol(name) })
  }

  toString(): string {
    return (this.text ??= print(this.terms))
  }

  private wrapped(): string {
    return this.terms.size > 1 || [...this.terms.keys()].some((k) => isProduct(k)) ? `(${this})` : `${this}`
  }

  private combine(other: Expr, sign: number): Expr {
    const terms = new Map(this.terms)
    for (const [key, x] of other.terms) terms.set(key, (terms.get(key) ?? 0) + sign * x)
    return make(terms)
  }

  private divideExactly(divisor: Expr): Expr | undefined {
    if (divisor.terms.size !== 1) return this.equals(divisor) ? Expr.one : undefined
    const [[key, coefficient]] = [...divisor.terms] as [[string, number]]
    const terms = new Map<string, number>()
    for (const [k, x] of this.terms) {
      const rest = removeAtoms(splitKey(k), splitKey(key))
      if (!rest || x % coefficient !== 0) return undefined
      terms.set(joinKey(rest), x / coefficient)
    }
    return make(terms)
  }

  private choose(name: 'max' | 'min', other: Expr, pick: (a: number, b: number) => number): Expr {
    const difference = this.sub(other).constant
    if (difference !== undefined) return pick(difference, 0) === difference ? this : other
    return Expr.symbol(`${name}(${[String(this), String(other)].sort().join(',')})`)
  }

  /** Builds from raw terms; for this module only. */
  static ofTerms(terms: Terms): Expr {
    return new Expr(terms)
  }
}

const EXPRESSIONS: ExprAlgebra<Expr> = {
  constant: Expr.of,
  atom: Expr.symbol,
  add: (a, b) => a.add(b),
  mul: (a, b) => a.mul(b),
  call: (fn, a, b) => (fn === 'floor' ? a.div(b) : fn === 'max' ? a.max(b) : a.min(b)),
}

/** Parses sums, differences, products, integer powers, parentheses, `floor(a/b)`, `max(a,b)`, `min(a,b)`; else one opaque symbol. */
export function parseExpr(text: string): Expr {
  return parse(text, EXPRESSIONS) ?? Expr.symbol(text)
}

/** Value of a printed expression such as `8*batch*seq*589824` at given dimensions. */
export function evaluateExpr(text: string, dims: Readonly<Record<string, number>>): number {
  return parseExpr(text).evaluate(dims)
}

function make(terms: Map<string, number>): Expr {
  for (const [key, x] of terms) if (x === 0) terms.delete(key)
  return Expr.ofTerms(terms)
}

function foldAtom<T>(atom: string, algebra: ExprAlgebra<T>): T {
  const call = parseCall(atom)
  if (!call) return algebra.atom(atom)
  const [a, b] = call.operands.map((text) => parseExpr(text).fold(algebra))
  return algebra.call(call.fn, a!, b!)
}

function evaluateAtom(atom: string, dims: Readonly<Record<string, number>>): number {
  return Object.hasOwn(dims, atom) ? dims[atom]! : foldAtom(atom, numbers(dims))
}
