/** What the standard (and ONNX Runtime, for its own domain) says of an operator's operands, results and attributes. */
import type { DType } from '../types.js'
import { OPERATORS, TYPE_SETS } from './operators.js'

/** An operand or result: its type variable, and whether it may be absent or repeat. */
export interface Formal {
  /** Operands of one variable have one type; undefined where each stands for itself. */
  readonly variable: string | undefined
  readonly types: ReadonlySet<DType>
  readonly presence: 'required' | 'optional' | 'repeated'
}

/** An attribute: the IR's kind of it; `raw` for kinds that no pass looks into. */
export interface FormalAttribute {
  readonly kind: string
  readonly required: boolean
}

export interface Signature {
  readonly since: number
  readonly leastInputs: number
  readonly leastOutputs: number
  readonly inputs: readonly Formal[]
  readonly outputs: readonly Formal[]
  readonly attributes: ReadonlyMap<string, FormalAttribute>
}

const sets = TYPE_SETS.map((text): ReadonlySet<DType> => new Set(text.split(',') as DType[]))

/** Lines of an operator, oldest first; parsed when somebody asks. */
const lines = new Map<string, (string | Signature)[]>()
for (const line of OPERATORS.trim().split('\n')) {
  const name = line.slice(0, line.indexOf(' '))
  const known = lines.get(name)
  if (known) known.push(line)
  else lines.set(name, [line])
}

/** Whether the standard or ONNX Runtime declares an operator, in whatever opset. */
export function isDeclared(qualifiedOp: string): boolean {
  return lines.has(qualifiedOp)
}

/** The signature that an operator has in an opset; undefined where it has none. */
export function signatureOf(qualifiedOp: string, opset: number): Signature | undefined {
  const versions = lines.get(qualifiedOp)
  if (!versions) return undefined
  let found: Signature | undefined
  for (const [i, version] of versions.entries()) {
    const signature = typeof version === 'string' ? (versions[i] = parse(version)) : version
    if (signature.since <= opset || qualifiedOp.startsWith('com.microsoft::')) found = signature
  }
  return found
}

const KINDS: Readonly<Record<string, string>> = {
  f: 'float',
  i: 'int',
  s: 'string',
  t: 'tensor',
  g: 'graph',
  F: 'floats',
  I: 'ints',
  S: 'strings',
  x: 'raw',
}

function parse(line: string): Signature {
  const [head, counts, inputs, outputs, attributes, constraints] = line.split('|') as [
    string,
    string,
    string,
    string,
    string,
    string,
  ]
  const [leastInputs, leastOutputs] = counts.split(' ').map(Number) as [number, number]
  const types = new Map(items(constraints).map((c) => c.split('=') as [string, string]))
  const formals = (text: string): Formal[] => items(text).map((item) => formal(item, types))
  return {
    since: Number(head.split(' ')[1]),
    leastInputs,
    leastOutputs,
    inputs: formals(inputs),
    outputs: formals(outputs),
    attributes: new Map(items(attributes).map(attribute)),
  }
}

function items(text: string): string[] {
  return text === '' ? [] : text.split(',')
}

function formal(item: string, types: ReadonlyMap<string, string>): Formal {
  const [, name, mark] = /^(.*?)([?*~]?)$/.exec(item)!
  const set = name!.startsWith('#') ? name!.slice(1) : types.get(name!)!
  return {
    variable: name!.startsWith('#') || mark === '~' ? undefined : name,
    types: sets[Number(set)]!,
    presence: mark === '' ? 'required' : mark === '?' ? 'optional' : 'repeated',
  }
}

function attribute(item: string): [string, FormalAttribute] {
  const [, name, mark, kind] = /^(.*?)(!?):(.)$/.exec(item)!
  return [name!, { kind: KINDS[kind!]!, required: mark === '!' }]
}
