/** Changing the element type: Cast, CastLike, BitCast. */
import { dtypeOf } from '../builder.js'
import { Expr } from '../expr.js'
import type { Node, Value } from '../ir.js'
import type { GradRule, Inferred, NdArray, OpDef } from '../op.js'
import { Tensor } from '../tensor.js'
import { isFloat, type DType } from '../types.js'
import { wrapInteger } from './logic.js'
import { map } from './support/nd.js'
import { bounds, constantNumbers, typeOf } from './support/shapes.js'

function castType(node: Node): DType {
  return dtypeOf(node.int('to', 1))
}

/** A number under another element type: integers truncate and wrap, floats keep their float64 precision. */
function convert(x: number, to: DType): number {
  if (to === 'bool') return x !== 0 ? 1 : 0
  if (isFloat(to) || Number.isNaN(x) || !Number.isFinite(x)) return x
  return wrapInteger(BigInt(Math.trunc(x)), to)
}

/** Known elements under another integer type; symbolic ones are dimensions, which fit every type. */
function castKnown(x: Value | null | undefined, to: DType): Expr[] | undefined {
  if (isFloat(to)) return undefined
  const numbers = constantNumbers(x)
  if (numbers) return numbers.map((n) => Expr.of(convert(n, to)))
  if (to !== 'bool') return x?.known && [...x.known]
  return x?.known?.every((e) => bounds(e)[0] > 0) ? x.known.map(() => Expr.one) : undefined
}

function inferAs(node: Node, dtype: DType): Inferred[] {
  const x = node.inputs[0]
  return [{ type: { dtype, shape: typeOf(x).shape }, known: castKnown(x, dtype) }]
}

/** dx = dy cast back. */
const castBack: GradRule = (node, { b, dy }) => [() => b.cast(dy(), node.input(0).type!.dtype), null]

function evaluateCast(x: NdArray, to: DType): NdArray[] {
  return [{ ...map(x, (v) => convert(v, to)), dtype: to }]
}

/** Definitions of the casts. */
export const cast = {
  Cast: {
    infer: (node) => inferAs(node, castType(node)),
    grad: castBack,
    evaluate: (node, [x]) => evaluateCast(x!, castType(node)),
  },
  CastLike: {
    infer: (node) => inferAs(node, typeOf(node.inputs[1]).dtype),
    grad: castBack,
    evaluate: (_node, [x, like]) => evaluateCast(x!, like!.dtype),
  },
  /** The same bits under a type of equal width. */
  BitCast: {
    infer: (node) => [{ type: { dtype: castType(node), shape: typeOf(node.inputs[0]).shape } }],
    grad: 'none',
    evaluate: (node, [x]) => {
      const to = castType(node)
      const bytes = Tensor.of(x!.dtype, x!.shape, x!.data).bytes()
      return [{ dtype: to, shape: x!.shape, data: new Tensor(to, x!.shape, () => bytes).numbers() }]
    },
  },
} satisfies Record<string, OpDef>
