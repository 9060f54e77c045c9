/** Masks as tensors of two values: one where a predicate over (query, key) holds, another where it does not. */
import type { Node, Value } from '../../src/ir.js'
import { constant, constants } from '../../src/ops/support/shapes.js'
import { and, not, or, upTo, type Predicate } from './predicate.js'
import { positionOf } from './position.js'

/** A tensor that is `yes` where the predicate holds and `no` elsewhere; values that are not known are NaN. */
export interface TwoValued {
  readonly where: Predicate
  readonly yes: number
  readonly no: number
}

/** Masks are made of a few operators; anything longer is none. */
const DEPTH = 64
const UNKNOWN: TwoValued = { where: 'unknown', yes: NaN, no: NaN }

/** What is known of a tensor whose last two axes are query and key. */
export function twoValued(v: Value, depth = 0): TwoValued {
  const own = v.isInitializer ? fromData(v) : undefined
  if (own) return own
  const node = v.producer
  if (!node || depth > DEPTH || node.domain !== '') return boolOrUnknown(v)
  const found = RULES[node.op]?.(node, (x) => twoValued(x, depth + 1))
  return found ?? boolOrUnknown(v)
}

/** The predicate that a bool tensor is. */
export function predicateOf(t: TwoValued): Predicate {
  if (t.where === 'all') return t.yes ? 'all' : 'none'
  if (t.where === 'none') return t.no ? 'all' : 'none'
  if (t.yes && !t.no && !Number.isNaN(t.yes)) return t.where
  return t.no && !t.yes && !Number.isNaN(t.no) ? not(t.where) : 'unknown'
}

type Rule = (node: Node, of: (v: Value) => TwoValued) => TwoValued | undefined

const RULES: Record<string, Rule> = {
  Identity: (node, of) => of(node.input(0)),
  Cast: (node, of) => {
    const x = of(node.input(0))
    return node.output().type?.dtype === 'bool' ? { ...x, yes: truth(x.yes), no: truth(x.no) } : x
  },
  Expand: carried,
  Unsqueeze: carried,
  Squeeze: carried,
  Reshape: carried,
  Slice: (node, of) => (startsAtZero(node) ? carriedAs(node, of, true) : undefined),
  ConstantOfShape: (node) => {
    const a = node.attributes.get('value')
    return uniform(a?.type === 'tensor' ? a.value.item() : 0)
  },
  Not: (node, of) => boolean(not(predicateOf(of(node.input(0))))),
  And: (node, of) => boolean(and(predicateOf(of(node.input(0))), predicateOf(of(node.input(1))))),
  Or: (node, of) => boolean(or(predicateOf(of(node.input(0))), predicateOf(of(node.input(1))))),
  Less: (node, of) => compared(node, of, (x, y) => x < y),
  LessOrEqual: (node, of) => compared(node, of, (x, y) => x <= y),
  Greater: (node, of) => compared(node, of, (x, y) => x > y),
  GreaterOrEqual: (node, of) => compared(node, of, (x, y) => x >= y),
  Equal: (node, of) => combined(node, of, (x, y) => Number(x === y)),
  Add: (node, of) => combined(node, of, (x, y) => x + y),
  Sub: (node, of) => combined(node, of, (x, y) => x - y),
  Mul: (node, of) => combined(node, of, (x, y) => x * y),
  Div: (node, of) => combined(node, of, (x, y) => x / y),
  Neg: (node, of) => {
    const x = of(node.input(0))
    return { ...x, yes: -x.yes, no: -x.no }
  },
  Trilu: (node, of) => {
    const x = of(node.input(0))
    const k = node.inputs[1] ? constant(node.inputs[1]) : 0
    if (x.where !== 'all' || k === undefined) return undefined
    // Upper keeps j − i ≥ k, lower j − i ≤ k.
    return node.int('upper', 1)
      ? { where: not(upTo(k - 1)), yes: x.yes, no: 0 }
      : { where: upTo(k), yes: x.yes, no: 0 }
  },
  Where: (node, of) => {
    const where = predicateOf(of(node.input(0)))
    const [yes, no] = [of(node.input(1)), of(node.input(2))]
    if (where === 'all') return yes
    if (where === 'none') return no
    return yes.where === 'all' && no.where === 'all' ? { where, yes: yes.yes, no: no.yes } : undefined
  },
}

function boolean(where: Predicate): TwoValued {
  return { where, yes: 1, no: 0 }
}

function uniform(x: number): TwoValued {
  return { where: 'all', yes: x, no: x }
}

/** A bool tensor of which nothing is known has two values still. */
function boolOrUnknown(v: Value): TwoValued {
  return v.type?.dtype === 'bool' ? boolean('unknown') : UNKNOWN
}

function truth(x: number): number {
  return Number.isNaN(x) ? x : Number(x !== 0)
}

/** A view or a repetition, which keeps the last two axes. */
function carried(node: Node, of: (v: Value) => TwoValued): TwoValued | undefined {
  return carriedAs(node, of, false)
}

function carriedAs(node: Node, of: (v: Value) => TwoValued, isCut: boolean): TwoValued | undefined {
  const x = of(node.input(0))
  if (x.where === 'all' || x.where === 'none' || x.where === 'unknown') return x
  const [from, to] = [node.input(0).type?.shape?.slice(-2), node.output().type?.shape?.slice(-2)]
  const keeps = isCut || (from?.length === 2 && to?.length === 2 && from.every((d, i) => d.equals(to[i]!)))
  return keeps ? x : undefined
}

/** A Slice that cuts the last two axes, if at all, from their start. */
function startsAtZero(node: Node): boolean {
  const starts = constants(node.inputs[1])
  const steps = node.inputs[4] ? constants(node.inputs[4]) : [1]
  const axes = node.inputs[3] ? constants(node.inputs[3]) : starts?.map((_, i) => i)
  const rank = node.input(0).type?.shape?.length
  if (!starts || !axes || !rank || !steps?.every((s) => s === 1)) return false
  return axes.every((a, i) => (a < 0 ? a : a - rank) < -2 || starts[i] === 0)
}

/** Both sides two-valued over the same predicate, or one of them uniform. */
function combined(
  node: Node,
  of: (v: Value) => TwoValued,
  f: (x: number, y: number) => number,
): TwoValued | undefined {
  const [x, y] = [of(node.input(0)), of(node.input(1))]
  if (y.where === 'all') return { where: x.where, yes: f(x.yes, y.yes), no: f(x.no, y.yes) }
  if (x.where === 'all') return { where: y.where, yes: f(x.yes, y.yes), no: f(x.yes, y.no) }
  return undefined
}

/** A comparison of positions, of a position with a number, or of two-valued tensors. */
function compared(
  node: Node,
  of: (v: Value) => TwoValued,
  holds: (x: number, y: number) => boolean,
): TwoValued | undefined {
  const [x, y] = [positionOf(node.inputs[0]), positionOf(node.inputs[1])]
  if (x?.axis === -1 && y?.axis === -2) return boolean(keyAgainstQuery(x.offset - y.offset, holds))
  if (x?.axis === -2 && y?.axis === -1)
    return boolean(keyAgainstQuery(y.offset - x.offset, (j, i) => holds(i, j)))
  const [left, right] = [constant(node.inputs[0]), constant(node.inputs[1])]
  if (x && right !== undefined && holds(x.offset, right) && holds(Infinity, right)) return boolean('all')
  if (y && left !== undefined && holds(left, y.offset) && holds(left, Infinity)) return boolean('all')
  return combined(node, of, (a, b) => Number(holds(a, b)))
}

/** The predicate of `j + c` against `i`, found from how it comes out on either side of the diagonal. */
function keyAgainstQuery(c: number, holds: (j: number, i: number) => boolean): Predicate {
  const below = holds(-Infinity, 0)
  // The largest k with the verdict of "below" at j = i + k.
  const edge = [0, -1].find((k) => holds(k, 0) === below)! - c
  return below ? upTo(edge) : not(upTo(edge))
}

/** Numbers of a constant mask, where they take two values that the diagonal separates, or one. */
function fromData(v: Value): TwoValued | undefined {
  const shape = v.data!.shape
  const [s, t] = [shape.at(-2) ?? 1, shape.at(-1) ?? 1]
  if (v.type?.dtype === 'string' || v.type?.dtype === 'other' || v.data!.size === 0) return undefined
  if (v.data!.size > MASK_LIMIT) return undefined
  const data = v.data!.numbers()
  if (data.every((x) => x === data[0])) return uniform(data[0]!)
  const [yes, no] = [data[0]!, data[t - 1]!]
  const isCausal = s > 1 && data.every((x, at) => x === (at % t <= Math.floor(at / t) % s ? yes : no))
  return isCausal ? { where: 'causal', yes, no } : undefined
}

/** Larger constants are weights. */
const MASK_LIMIT = 2 ** 24
