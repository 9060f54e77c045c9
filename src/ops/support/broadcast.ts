/** Type rules that element-wise operators share: multidirectional broadcasting of symbolic shapes and known elements. */
import { Expr } from '../../expr.js'
import type { Value } from '../../ir.js'
import { KNOWN_LIMIT } from '../../infer.js'
import type { InferContext, Inferred, OpDef } from '../../op.js'
import { staticShape, type Dim, type Shape } from '../../types.js'
import { offsets, stridesFor } from './nd.js'
import { isMinimumOf } from './shapes.js'

/** Computes one known element of the result from one of each operand; undefined where no expression says it. */
export type Combine = (...elements: Expr[]) => Expr | undefined

/** Type rule: the type of the first operand. */
export const sameAsInput: OpDef['infer'] = (node) =>
  node.input(0).type ? [{ type: node.input(0).type! }] : []

/**
 * Type rule: operands are broadcast together, the element type is the first's.
 * @param combine how known elements of integer operands combine
 */
export function broadcasting(combine?: Combine): OpDef['infer'] {
  return (node, ctx) => {
    const operands = node.inputs.filter((v) => v !== null)
    const dtype = operands[0]?.type?.dtype
    if (!dtype) return []
    const shape = broadcastShapes(
      operands.map((v) => v.type?.shape),
      ctx,
    )
    return [withKnown({ type: { dtype, shape } }, operands, combine)]
  }
}

/** Adds the known elements of an element-wise result, where those of all operands are known. */
export function withKnown(
  result: Inferred,
  operands: readonly Value[],
  combine: Combine | undefined,
): Inferred {
  const shape = staticShape(result.type)
  if (!combine || !shape || !operands.every((v) => v.known && staticShape(v.type))) return result
  const size = shape.reduce((n, d) => n * d, 1)
  if (size > KNOWN_LIMIT) return result
  const at = operands.map((v) => offsets(shape, stridesFor(staticShape(v.type)!, shape)))
  const known: Expr[] = []
  for (let i = 0; i < size; i++) {
    const element = combine(...operands.map((v, k) => v.known![at[k]![i]!]!))
    if (!element) return result
    known.push(element)
  }
  return { ...result, known }
}

/** The shape of operands broadcast together; undefined where a rank is unknown. */
export function broadcastShapes(
  shapes: readonly (Shape | undefined)[],
  ctx: InferContext,
  output = 0,
): Shape | undefined {
  if (shapes.some((s) => !s)) return undefined
  const rank = Math.max(...shapes.map((s) => s!.length))
  return Array.from({ length: rank }, (_, axis) => {
    const dims = shapes.flatMap((s) => s![axis - rank + s!.length] ?? [])
    return broadcastDims(dims) ?? ctx.unknownDim(output, axis)
  })
}

/**
 * Dimensions broadcast together: 1 gives way, a constant wins over a symbol, `seq` over `min(512, seq)` (a table cut to
 * length); undefined where two symbols differ. Throws where two constants do: the rule's caller says where.
 */
export function broadcastDims(dims: readonly Dim[]): Dim | undefined {
  const others = dims.filter((d) => d.constant !== 1)
  if (others.length === 0) return Expr.one
  const fixed = others.find((d) => d.constant !== undefined)
  const other = others.find((d) => d.constant !== undefined && d.constant !== fixed?.constant)
  if (other) throw new Error(`dimensions ${fixed} and ${other} cannot be broadcast`)
  return fixed ?? others.find((whole) => others.every((d) => d.equals(whole) || isMinimumOf(d, whole)))
}
