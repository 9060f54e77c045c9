/** Text to expressions of any algebra. */
import type { ExprAlgebra, ExprCall } from './algebra.js'

/**
 * Parses sums, differences, products, integer powers, parentheses, `floor(a/b)`, `max(a,b)`, `min(a,b)`.
 * @returns undefined where the text is something else
 */
export function parse<T>(text: string, algebra: ExprAlgebra<T>): T | undefined {
  return new Parser(text, algebra).parse()
}

/** The function and the operands of an opaque atom, as text; undefined of a symbol. */
export function parseCall(atom: string): { fn: ExprCall; operands: string[] } | undefined {
  const call = /^(floor|max|min)\((.*)\)$/.exec(atom)
  if (!call) return undefined
  const fn = call[1] as ExprCall
  return { fn, operands: splitTop(call[2]!, fn === 'floor' ? '/' : ',') }
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

class Parser<T> {
  private at = 0
  private readonly tokens: string[]

  constructor(
    text: string,
    private readonly algebra: ExprAlgebra<T>,
  ) {
    this.tokens = text.match(/[A-Za-z_][\w.]*|\d+(?:\.\d+)?(?:e\+?\d+)?|\*\*|\/\/|\S/g) ?? []
  }

  parse(): T | undefined {
    const result = this.sum()
    return this.at === this.tokens.length ? result : undefined
  }

  private accept(...options: string[]): string | undefined {
    const token = this.tokens[this.at]
    if (token === undefined || !options.includes(token)) return undefined
    this.at++
    return token
  }

  private sum(): T | undefined {
    let left: T | undefined = this.product()
    for (let op = this.accept('+', '-'); left !== undefined && op; op = this.accept('+', '-')) {
      const right = this.product()
      if (right === undefined) return undefined
      left = this.algebra.add(left, op === '+' ? right : this.negated(right))
    }
    return left
  }

  private product(): T | undefined {
    let left: T | undefined = this.power()
    for (let op = this.accept('*', '//', '/'); left !== undefined && op; op = this.accept('*', '//', '/')) {
      const right = this.power()
      if (right === undefined) return undefined
      left = op === '*' ? this.algebra.mul(left, right) : this.algebra.call('floor', left, right)
    }
    return left
  }

  private power(): T | undefined {
    const negative = this.accept('-') !== undefined
    const base = this.atom()
    if (base === undefined) return undefined
    let result: T = base
    if (this.accept('^', '**')) {
      const exponent = Number(this.tokens[this.at++])
      if (!Number.isInteger(exponent) || exponent < 1 || exponent > 16) return undefined
      for (let i = 1; i < exponent; i++) result = this.algebra.mul(result, base)
    }
    return negative ? this.negated(result) : result
  }

  private negated(value: T): T {
    return this.algebra.mul(this.algebra.constant(-1), value)
  }

  private atom(): T | undefined {
    const token = this.tokens[this.at++]
    if (token === undefined) return undefined
    if (/^\d/.test(token)) return this.algebra.constant(Number(token))
    if (token === '(') return this.closed(this.sum())
    if (!/^[A-Za-z_]/.test(token)) return undefined
    return this.accept('(') ? this.call(token) : this.algebra.atom(token)
  }

  private call(name: string): T | undefined {
    const first = this.sum()
    if (first === undefined) return undefined
    if (name === 'floor') return this.closed(first)
    if (name !== 'max' && name !== 'min') return undefined
    if (!this.accept(',')) return undefined
    const second = this.sum()
    return second === undefined ? undefined : this.closed(this.algebra.call(name, first, second))
  }

  private closed(inner: T | undefined): T | undefined {
    return this.accept(')') ? inner : undefined
  }
}
