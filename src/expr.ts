/** Symbolic integer expressions: polynomials over named dimensions, for shapes and FLOPs alike. */
import { DropBPError } from './errors.js'

/** One term: the product of its factors (sorted atom names, repeated for powers). */
type Terms = ReadonlyMap<string, number>

const SEPARATOR = '*'

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
        const key = [...splitKey(a), ...splitKey(b)].sort().join(SEPARATOR)
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
    return this.fold<Expr>({
      constant: Expr.of,
      atom: (name) => replace(name) ?? Expr.symbol(name),
      add: (a, b) => a.add(b),
      mul: (a, b) => a.mul(b),
      call: (fn, a, b) => (fn === 'floor' ? a.div(b) : fn === 'max' ? a.max(b) : a.min(b)),
    })
  }

  toString(): string {
    return (this.text ??= print(this.terms))
  }

  private wrapped(): string {
    return this.terms.size > 1 || [...this.terms.keys()].some((k) => k.includes(SEPARATOR))
      ? `(${this})`
      : `${this}`
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
      terms.set(rest.join(SEPARATOR), x / coefficient)
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

/** Value of a printed expression such as `8*batch*seq*589824` at given dimensions. */
export function evaluateExpr(text: string, dims: Readonly<Record<string, number>>): number {
  return parseExpr(text).evaluate(dims)
}

function make(terms: Map<string, number>): Expr {
  for (const [key, x] of terms) if (x === 0) terms.delete(key)
  return Expr.ofTerms(terms)
}

/** Splits a term's key into atoms; `*` inside parentheses belongs to an opaque atom. */
function splitKey(key: string): string[] {
  if (key === '') return []
  if (!key.includes('(')) return key.split(SEPARATOR)
  const atoms: string[] = []
  let depth = 0
  let start = 0
  for (let i = 0; i <= key.length; i++) {
    if (i === key.length || (key[i] === SEPARATOR && depth === 0)) {
      atoms.push(key.slice(start, i))
      start = i + 1
    } else if (key[i] === '(') depth++
    else if (key[i] === ')') depth--
  }
  return atoms
}

function removeAtoms(from: string[], remove: string[]): string[] | undefined {
  const rest = [...from]
  for (const atom of remove) {
    const at = rest.indexOf(atom)
    if (at < 0) return undefined
    rest.splice(at, 1)
  }
  return rest
}

function print(terms: Terms): string {
  if (terms.size === 0) return '0'
  const parts = [...terms].sort(([a], [b]) => splitKey(b).length - splitKey(a).length || (a < b ? -1 : 1))
  return parts
    .map(([key, x], i) => (i === 0 ? '' : x < 0 ? ' - ' : ' + ') + printTerm(key, i === 0 ? x : Math.abs(x)))
    .join('')
}

function printTerm(key: string, coefficient: number): string {
  const atoms = splitKey(key)
  if (atoms.length === 0) return String(coefficient)
  const factors: string[] = []
  for (const atom of new Set(atoms)) {
    const power = atoms.filter((a) => a === atom).length
    factors.push(power === 1 ? atom : `${atom}^${power}`)
  }
  const body = factors.join('*')
  return coefficient === 1 ? body : coefficient === -1 ? `-${body}` : `${coefficient}*${body}`
}

/** Opaque functions of two arguments; `floor` is the floor of their quotient. */
export type ExprCall = 'floor' | 'max' | 'min'

/** An interpretation of expressions. */
export interface ExprAlgebra<T> {
  constant(n: number): T
  atom(name: string): T
  add(a: T, b: T): T
  mul(a: T, b: T): T
  call(fn: ExprCall, a: T, b: T): T
}

function foldAtom<T>(atom: string, algebra: ExprAlgebra<T>): T {
  const call = /^(floor|max|min)\((.*)\)$/.exec(atom)
  if (!call) return algebra.atom(atom)
  const fn = call[1] as ExprCall
  const [a, b] = splitTop(call[2]!, fn === 'floor' ? '/' : ',').map((t) => parseExpr(t).fold(algebra))
  return algebra.call(fn, a!, b!)
}

function evaluateAtom(atom: string, dims: Readonly<Record<string, number>>): number {
  if (Object.hasOwn(dims, atom)) return dims[atom]!
  return foldAtom<number>(atom, {
    constant: (n) => n,
    atom: (name) => {
      if (Object.hasOwn(dims, name)) return dims[name]!
      const known = Object.keys(dims).join(', ') || 'none'
      throw new DropBPError('unbound-dimension', `dimension "${name}" has no value; known: ${known}`, 'usage')
    },
    add: (a, b) => a + b,
    mul: (a, b) => a * b,
    call: (fn, a, b) => (fn === 'floor' ? Math.floor(a / b) : fn === 'max' ? Math.max(a, b) : Math.min(a, b)),
  })
}

/** Splits at the last (for `/`) or every (for `,`) separator outside parentheses. */
function splitTop(text: string, separator: '/' | ','): string[] {
  const at: number[] = []
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '(') depth++
    else if (text[i] === ')') depth--
    else if (text[i] === separator && depth === 0) at.push(i)
  }
  const cuts = separator === '/' ? at.slice(-1) : at
  return [0, ...cuts.map((c) => c + 1)].map((start, i) => text.slice(start, cuts[i] ?? text.length))
}

/** Parses sums, differences, products, integer powers, parentheses, `floor(a/b)`, `max(a,b)`, `min(a,b)`; else one opaque symbol. */
export function parseExpr(text: string): Expr {
  return new Parser(text).parse() ?? Expr.symbol(text)
}

class Parser {
  private at = 0
  private readonly tokens: string[]

  constructor(text: string) {
    this.tokens = text.match(/[A-Za-z_][\w.]*|\d+(?:\.\d+)?(?:e\+?\d+)?|\*\*|\/\/|\S/g) ?? []
  }

  parse(): Expr | undefined {
    const result = this.sum()
    return this.at === this.tokens.length ? result : undefined
  }

  private accept(...options: string[]): string | undefined {
    const token = this.tokens[this.at]
    if (token === undefined || !options.includes(token)) return undefined
    this.at++
    return token
  }

  private sum(): Expr | undefined {
    let left = this.product()
    for (let op = this.accept('+', '-'); left && op; op = this.accept('+', '-')) {
      const right = this.product()
      if (!right) return undefined
      left = op === '+' ? left.add(right) : left.sub(right)
    }
    return left
  }

  private product(): Expr | undefined {
    let left = this.power()
    for (let op = this.accept('*', '//', '/'); left && op; op = this.accept('*', '//', '/')) {
      const right = this.power()
      if (!right) return undefined
      left = op === '*' ? left.mul(right) : left.div(right)
    }
    return left
  }

  private power(): Expr | undefined {
    const negative = this.accept('-') !== undefined
    const base = this.atom()
    if (!base) return undefined
    let result = base
    if (this.accept('^', '**')) {
      const exponent = Number(this.tokens[this.at++])
      if (!Number.isInteger(exponent) || exponent < 1 || exponent > 16) return undefined
      for (let i = 1; i < exponent; i++) result = result.mul(base)
    }
    return negative ? Expr.zero.sub(result) : result
  }

  private atom(): Expr | undefined {
    const token = this.tokens[this.at++]
    if (token === undefined) return undefined
    if (/^\d/.test(token)) return Expr.of(Number(token))
    if (token === '(') return this.closed(this.sum())
    if (!/^[A-Za-z_]/.test(token)) return undefined
    return this.accept('(') ? this.call(token) : Expr.symbol(token)
  }

  private call(name: string): Expr | undefined {
    const first = this.sum()
    if (!first) return undefined
    if (name === 'floor') return this.closed(first)
    if (name !== 'max' && name !== 'min') return undefined
    if (!this.accept(',')) return undefined
    const second = this.sum()
    return second && this.closed(name === 'max' ? first.max(second) : first.min(second))
  }

  private closed(inner: Expr | undefined): Expr | undefined {
    return this.accept(')') ? inner : undefined
  }
}
