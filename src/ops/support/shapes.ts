/** What type rules share: reading types and known elements, axes, broadcasting, bounds of symbolic dimensions. */
import { CompileError } from '../../errors.js'
import { Expr } from '../../expr.js'
import { KNOWN_LIMIT } from '../../infer.js'
import type { Node, Value } from '../../ir.js'
import { invalid, type InferContext, type NdArray, type OpDef } from '../../op.js'
import { isFloat, staticShape, type DType, type Shape, type TensorType } from '../../types.js'
import { nd } from './nd.js'

type Evaluate = NonNullable<OpDef['evaluate']>

/** The type of an operand; `other` of unknown rank where no rule upstream could tell. */
export function typeOf(value: Value | null | undefined): TensorType {
  return value?.type ?? { dtype: 'other' }
}

/** The dimensions of an operand, for rules that cannot do without; throws `unknown-rank`. */
export function shapeOf(node: Node, value: Value): Shape {
  const shape = value.type?.shape
  if (shape) return shape
  throw new CompileError(
    'unknown-rank',
    `${node.qualifiedOp} (node "${node.name}"): the rank of "${value.name}" is not known; ` +
      'run onnx.shape_inference on the model, or export it again with shapes',
  )
}

/** An axis counted from the front; throws `invalid-node` where it is out of range. */
export function normalizeAxis(node: Node, axis: number, rank: number): number {
  if (axis < -rank || axis >= Math.max(rank, 1))
    throw invalid(node, `an axis in [-${rank}, ${rank - 1}]`, String(axis))
  return axis < 0 ? axis + rank : axis
}

/** Distinct axes counted from the front. */
export function normalizeAxes(node: Node, axes: readonly number[], rank: number): number[] {
  const found = axes.map((a) => normalizeAxis(node, a, rank))
  if (new Set(found).size < found.length) throw invalid(node, 'distinct axes', `[${axes}]`)
  return found
}

/** The elements of a small integer tensor where all are numbers. */
export function constants(value: Value | null | undefined): number[] | undefined {
  const numbers = value?.known?.map((e) => e.constant)
  return numbers?.every((n) => n !== undefined) ? (numbers as number[]) : undefined
}

/** The element of an integer scalar (or one-element tensor) where it is a number. */
export function constant(value: Value | null | undefined): number | undefined {
  const numbers = constants(value)
  return numbers?.length === 1 ? numbers[0] : undefined
}

/** The numbers of a constant operand, floats included; undefined where it is computed. */
export function constantNumbers(value: Value | null | undefined): number[] | undefined {
  if (value?.data && value.data.size <= KNOWN_LIMIT && !value.owner?.inputs.includes(value))
    return [...value.data.numbers()]
  return constants(value)
}

/** The number of elements of a vector operand, where static. */
export function vectorLength(value: Value | null | undefined): number | undefined {
  return value?.known?.length ?? value?.type?.shape?.[0]?.constant
}

/**
 * Smallest and largest value of an expression when every named dimension is at least `least`.
 * Quotients are taken to have positive divisors, as those of dimensions have.
 */
export function bounds(expr: Expr, least = 0): [number, number] {
  return expr.fold<[number, number]>({
    constant: (n) => [n, n],
    atom: () => [least, Infinity],
    add: (a, b) => [a[0] + b[0], a[1] + b[1]],
    mul: (a, b) => range(a.flatMap((x) => b.map((y) => (x === 0 || y === 0 ? 0 : x * y)))),
    call: (fn, a, b) => {
      if (fn === 'max') return [Math.max(a[0], b[0]), Math.max(a[1], b[1])]
      if (fn === 'min') return [Math.min(a[0], b[0]), Math.min(a[1], b[1])]
      const divisors = b.map((y) => Math.max(y, 1))
      return range(
        a.flatMap((x) =>
          divisors.map((y) => (Number.isFinite(x) || Number.isFinite(y) ? Math.floor(x / y) : Infinity)),
        ),
      )
    },
  })
}

function range(values: number[]): [number, number] {
  return [Math.min(...values), Math.max(...values)]
}

/** `max(a, b)`, one of the two where bounds decide. */
export function maxOf(a: Expr, b: Expr, least = 0): Expr {
  const [low, high] = bounds(a.sub(b), least)
  return low >= 0 ? a : high <= 0 ? b : a.max(b)
}

/** `min(a, b)`, one of the two where bounds decide. */
export function minOf(a: Expr, b: Expr, least = 0): Expr {
  const [low, high] = bounds(a.sub(b), least)
  return low >= 0 ? b : high <= 0 ? a : a.min(b)
}

/** Whether `a` is a minimum with `b` as one of its arguments, or what a slice from the end leaves: `c - max(c - b, 0)`. */
export function isMinimumOf(a: Expr, b: Expr): boolean {
  const [text, part] = [String(a), String(b)]
  if (!text.startsWith('min(')) return isRestOf(a, b)
  const others = [text.slice(`min(${part},`.length, -1), text.slice('min('.length, -`,${part})`.length)]
  return others.some((other) => String(Expr.from(other).min(b)) === text)
}

function isRestOf(a: Expr, b: Expr): boolean {
  const size = Expr.of(
    a.fold<number>({
      constant: (n) => n,
      atom: () => NaN,
      add: (x, y) => x + y,
      mul: (x, y) => x * y,
      call: (fn) => (fn === 'max' ? 0 : NaN),
    }),
  )
  return a.equals(size.sub(size.sub(b).max(0)))
}

/** Whether elements of this type, and this many, are followed symbolically. */
export function followed(type: TensorType): boolean {
  const shape = staticShape(type)
  return !!shape && trackable(type.dtype) && shape.reduce((n, d) => n * d, 1) <= KNOWN_LIMIT
}

function trackable(dtype: DType): boolean {
  return !isFloat(dtype) && dtype !== 'string' && dtype !== 'other'
}

/**
 * Known elements of the result of an operator that only moves elements: its evaluation runs on their positions.
 * @param carried inputs whose elements move to the output; all other inputs must be constant
 * @param shape of the result, from operators whose result may be larger than their operands
 */
export function moveKnown(
  node: Node,
  evaluate: Evaluate,
  carried: readonly number[],
  shape?: Shape,
): Expr[] | undefined {
  if (shape && !(shape.reduce((n, d) => n * (d.constant ?? Infinity), 1) <= KNOWN_LIMIT)) return undefined
  const pool: Expr[] = [Expr.zero]
  const inputs: (NdArray | undefined)[] = []
  for (const [i, value] of node.inputs.entries()) {
    const array = value ? positions(value, carried.includes(i), pool) : undefined
    if (value && !array) return undefined
    inputs.push(array)
  }
  const [result] = evaluate(node, inputs)
  return result && result.data.length <= KNOWN_LIMIT ? [...result.data].map((at) => pool[at]!) : undefined
}

/** Positions in `pool` of a carried input's elements (0 is the element zero), or the numbers of a constant input. */
function positions(value: Value, carried: boolean, pool: Expr[]): NdArray | undefined {
  const shape = staticShape(value.type)
  if (!shape || !trackable(value.type!.dtype)) return undefined
  if (!carried) {
    const numbers = constants(value)
    return numbers && nd('int64', shape, numbers)
  }
  if (!value.known) return undefined
  const start = pool.length
  pool.push(...value.known)
  return nd(
    'int64',
    shape,
    value.known.map((_, i) => start + i),
  )
}

/**
 * The shape that an operand spells out in its elements: exact where they are known, of unknown dimensions where only their
 * number is.
 */
export function sizesKnown(
  sizes: Value | null | undefined,
  ctx: InferContext,
  output = 0,
): Shape | undefined {
  if (sizes?.known) return sizes.known
  const rank = vectorLength(sizes)
  return rank === undefined || rank > KNOWN_LIMIT
    ? undefined
    : Array.from({ length: rank }, (_, axis) => ctx.unknownDim(output, axis))
}
