/** Words to types. */
import Long from 'long'
import type { DimensionProto, TensorTypeProto, TypeProto } from '../onnx/messages.js'
import { PRIMITIVES } from './literals.js'
import type { Scanner } from './scanner.js'

const COMPOUND: ReadonlySet<string> = new Set(['seq', 'map', 'optional', 'sparse_tensor', 'opaque'])

/** A word that names a type is one unless it stands where only a name can. */
export function seesType(s: Scanner): boolean {
  const word = s.peekWord()
  if (word === undefined || !(PRIMITIVES.includes(word) || COMPOUND.has(word))) return false
  return s.ahead(() => {
    s.name()
    return s.seesName() || s.sees('[') || s.sees('(')
  })
}

/** A type, such as `float[2, n]` or `seq(int64)`. */
export function parseType(s: Scanner): TypeProto {
  const word = s.name('a type')
  const inner = <R>(parse: () => R): R => {
    s.expect('(')
    const result = parse()
    s.expect(')')
    return result
  }
  switch (word) {
    case 'seq':
      return { sequenceType: { elemType: inner(() => parseType(s)) } }
    case 'optional':
      return { optionalType: { elemType: inner(() => parseType(s)) } }
    case 'sparse_tensor':
      return { sparseTensorType: inner(() => shaped(s, s.name('an element type'))) }
    case 'opaque':
      return { opaqueType: inner(() => opaque(s)) }
    case 'map':
      return inner(() => {
        const keyType = elementType(s, s.name('an element type'))
        s.expect(',')
        return { mapType: { keyType, valueType: parseType(s) } }
      })
    default:
      return { tensorType: shaped(s, word) }
  }
}

function opaque(s: Scanner): { domain?: string; name?: string } {
  if (s.sees(')')) return {}
  const first = qualified(s)
  return s.accept(',') ? { domain: first, name: s.name() } : { name: first }
}

function elementType(s: Scanner, word: string): number {
  const code = PRIMITIVES.indexOf(word)
  if (code < 0)
    throw s.fail(`an element type (${PRIMITIVES.slice(1, 17).join(', ')}, …), not "${word}", before`)
  return code
}

/** `float[2, n]`, a scalar `float`, or `float[]` for any rank. */
export function shaped(s: Scanner, word: string): TensorTypeProto {
  const elemType = elementType(s, word)
  if (!s.accept('[')) return { elemType, shape: { dim: [] } }
  const dim = s.list(']', () => dimension(s))
  return dim.length > 0 ? { elemType, shape: { dim } } : { elemType }
}

function dimension(s: Scanner): DimensionProto {
  if (s.accept('?')) return {}
  return s.seesName() ? { dimParam: s.name() } : { dimValue: Long.fromString(s.integer()) }
}

/** A dotted name, in its parts. */
export function parsePath(s: Scanner): string[] {
  const parts = [s.name('an operator')]
  while (s.accept('.')) parts.push(s.name())
  return parts
}

function qualified(s: Scanner): string {
  return parsePath(s).join('.')
}
