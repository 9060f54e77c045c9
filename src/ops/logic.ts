/** Comparisons, logic and bitwise operators, IsNaN, IsInf. None is differentiable. */
import { Expr } from '../expr.js'
import type { Node } from '../ir.js'
import type { OpDef } from '../op.js'
import type { DType } from '../types.js'
import { broadcasting, sameAsInput, type Combine } from './support/broadcast.js'
import { map, zip } from './support/nd.js'
import { bounds, typeOf } from './support/shapes.js'

/** A broadcast operator of two operands with a bool result; `combine` decides it on symbolic elements where it can. */
function predicate(f: (x: number, y: number) => boolean, combine: Combine): OpDef {
  const infer = broadcasting(combine)
  return {
    infer: (node, ctx) => infer(node, ctx).map((r) => ({ ...r, type: { ...r.type, dtype: 'bool' } })),
    grad: 'none',
    evaluate: (_node, [x, y]) => [zip([x!, y!], (p, q) => (f(p, q) ? 1 : 0), 'bool')],
  }
}

/** Decides a comparison by the bounds of x − y: `holds` and `fails` say whether all values between them agree. */
function compare(
  f: (x: number, y: number) => boolean,
  holds: (low: number, high: number) => boolean,
  fails: (low: number, high: number) => boolean,
): OpDef {
  return predicate(f, (x, y) => {
    const [low, high] = bounds(x!.sub(y!))
    return holds(low, high) ? Expr.one : fails(low, high) ? Expr.zero : undefined
  })
}

/** A logical operator, decided on symbolic elements where both are constant. */
function logical(f: (x: boolean, y: boolean) => boolean): OpDef {
  return predicate(
    (x, y) => f(x !== 0, y !== 0),
    (x, y) => {
      const [p, q] = [x!.constant, y!.constant]
      return p === undefined || q === undefined ? undefined : Expr.of(f(p !== 0, q !== 0) ? 1 : 0)
    },
  )
}

/** Bits of each integer type, negative for signed ones. */
const WIDTH: Partial<Record<DType, number>> = {
  int8: -8,
  int16: -16,
  int32: -32,
  int64: -64,
  uint8: 8,
  uint16: 16,
  uint32: 32,
  uint64: 64,
  bool: 1,
}

/** Integers wrap around at the width of their type, as two's complement. */
export function wrapInteger(value: bigint, dtype: DType): number {
  const width = WIDTH[dtype]
  if (width === undefined) return Number(value)
  return Number(width < 0 ? BigInt.asIntN(-width, value) : BigInt.asUintN(width, value))
}

function bitwise(f: (x: bigint, y: bigint) => bigint): OpDef {
  return {
    infer: broadcasting(),
    grad: 'none',
    evaluate: (_node, [x, y]) => [zip([x!, y!], (p, q) => wrapInteger(f(BigInt(p), BigInt(q)), x!.dtype))],
  }
}

function shift(node: Node, x: bigint, by: bigint): bigint {
  return node.string('direction', 'LEFT') === 'LEFT' ? x << by : x >> by
}

/** An element-wise test of floats. */
function test(f: (x: number, node: Node) => boolean): OpDef {
  return {
    infer: (node) => [{ type: { dtype: 'bool', shape: typeOf(node.inputs[0]).shape } }],
    grad: 'none',
    evaluate: (node, [x]) => [{ ...map(x!, (v) => (f(v, node) ? 1 : 0)), dtype: 'bool' }],
  }
}

function isInfinite(x: number, node: Node): boolean {
  return (
    (x === Infinity && node.int('detect_positive', 1) !== 0) ||
    (x === -Infinity && node.int('detect_negative', 1) !== 0)
  )
}

/** Definitions of comparisons, logic and bitwise operators. */
export const logic = {
  Equal: compare(
    (x, y) => x === y,
    (low, high) => low === 0 && high === 0,
    (low, high) => low > 0 || high < 0,
  ),
  Greater: compare(
    (x, y) => x > y,
    (low) => low > 0,
    (_low, high) => high <= 0,
  ),
  GreaterOrEqual: compare(
    (x, y) => x >= y,
    (low) => low >= 0,
    (_low, high) => high < 0,
  ),
  Less: compare(
    (x, y) => x < y,
    (_low, high) => high < 0,
    (low) => low >= 0,
  ),
  LessOrEqual: compare(
    (x, y) => x <= y,
    (_low, high) => high <= 0,
    (low) => low > 0,
  ),
  And: logical((x, y) => x && y),
  Or: logical((x, y) => x || y),
  Xor: logical((x, y) => x !== y),
  Not: {
    infer: (node, ctx) => {
      const known = node.inputs[0]?.known
      const negated = known?.every((e) => e.constant !== undefined)
        ? known.map((e) => Expr.of(e.constant ? 0 : 1))
        : undefined
      return sameAsInput(node, ctx).map((r) => ({ ...r, known: negated }))
    },
    grad: 'none',
    evaluate: (_node, [x]) => [map(x!, (v) => (v ? 0 : 1))],
  },
  BitwiseAnd: bitwise((x, y) => x & y),
  BitwiseOr: bitwise((x, y) => x | y),
  BitwiseXor: bitwise((x, y) => x ^ y),
  BitwiseNot: {
    infer: sameAsInput,
    grad: 'none',
    evaluate: (_node, [x]) => [map(x!, (v) => wrapInteger(~BigInt(v), x!.dtype))],
  },
  BitShift: {
    infer: broadcasting(),
    grad: 'none',
    evaluate: (node, [x, y]) => [
      zip([x!, y!], (p, q) => wrapInteger(shift(node, BigInt(p), BigInt(q)), x!.dtype)),
    ],
  },
  IsNaN: test(Number.isNaN),
  IsInf: test(isInfinite),
} satisfies Record<string, OpDef>
