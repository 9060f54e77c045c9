/** What expressions are interpreted in: numbers, other expressions, emitted nodes. */
import { DropBPError } from '../errors.js'

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

/** Expressions as numbers at given dimensions; an atom without one throws `unbound-dimension`. */
export function numbers(dims: Readonly<Record<string, number>>): ExprAlgebra<number> {
  return {
    constant: (n) => n,
    atom: (name) => {
      if (Object.hasOwn(dims, name)) return dims[name]!
      const known = Object.keys(dims).join(', ') || 'none'
      throw new DropBPError('unbound-dimension', `dimension "${name}" has no value; known: ${known}`, 'usage')
    },
    add: (a, b) => a + b,
    mul: (a, b) => a * b,
    call: (fn, a, b) => (fn === 'floor' ? Math.floor(a / b) : fn === 'max' ? Math.max(a, b) : Math.min(a, b)),
  }
}
