/** Einsum: sums of products over labelled axes. */
import type { Builder } from '../builder.js'
import { Expr } from '../expr.js'
import type { Node, Value } from '../ir.js'
import {
  invalid,
  type GradContext,
  type GradRule,
  type InferContext,
  type Inferred,
  type NdArray,
  type OpDef,
} from '../op.js'
import { elementCount, type Shape } from '../types.js'
import { broadcastDims } from './support/broadcast.js'
import { offsets, sizeOf, stridesFor } from './support/nd.js'
import { shapeOf } from './support/shapes.js'

/** One label for every axis of the operands and of the result; an ellipsis has become labels of its own. */
interface Equation {
  readonly operands: readonly (readonly string[])[]
  readonly result: readonly string[]
}

const LETTERS = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ']

/** Definition of Einsum. */
export const einsum = {
  /** Y = Σ Πᵢ Xᵢ over the labels that the result lacks; see `einsumGradient` */
  Einsum: {
    infer: inferEinsum,
    flops: einsumFlops,
    grad: einsumGradient,
    evaluate: (node, operands) => [
      evaluateEinsum(
        node,
        operands.map((x) => x!),
      ),
    ],
  },
} satisfies Record<string, OpDef>

/** The equation of a node whose operands have these ranks. */
function parseEquation(node: Node, ranks: readonly number[]): Equation {
  const text = node.string('equation', '').replaceAll(' ', '')
  const [left, right] = text.split('->') as [string, string | undefined]
  const terms = left.split(',')
  if (terms.length !== ranks.length)
    throw invalid(node, `${terms.length} operands as in "${text}"`, `${ranks.length}`)
  const hidden = Math.max(0, ...terms.map((t, i) => (t.includes('...') ? ranks[i]! - (t.length - 3) : 0)))
  const ellipsis = LETTERS.filter((c) => !text.includes(c)).slice(0, hidden)
  const operands = terms.map((t, i) => labels(t, ellipsis, ranks[i]!))
  operands.forEach((o, i) => {
    if (o.length !== ranks[i])
      throw invalid(node, `rank ${o.length} of operand ${i} as in "${text}"`, `${ranks[i]}`)
  })
  return { operands, result: right === undefined ? implied(left, ellipsis) : labels(right, ellipsis) }
}

/** The labels of a term; an ellipsis stands for the last axes of the longest one. */
function labels(term: string, ellipsis: readonly string[], rank?: number): string[] {
  const at = term.indexOf('...')
  if (at < 0) return [...term]
  const count = rank === undefined ? ellipsis.length : rank - (term.length - 3)
  return [...term.slice(0, at), ...ellipsis.slice(ellipsis.length - count), ...term.slice(at + 3)]
}

/** Without an arrow, the result has the ellipsis and then the labels that occur once, in alphabetical order. */
function implied(left: string, ellipsis: readonly string[]): string[] {
  const letters = [...left.replaceAll(/[.,]/g, '')]
  return [...ellipsis, ...letters.filter((c) => letters.indexOf(c) === letters.lastIndexOf(c)).sort()]
}

/** The dimension of every label; undefined where only the run tells. */
function dimensions(equation: Equation, shapes: readonly Shape[]): Map<string, Expr | undefined> {
  const all = new Map<string, Expr[]>()
  equation.operands.forEach((operand, i) =>
    operand.forEach((label, axis) => all.set(label, [...(all.get(label) ?? []), shapes[i]![axis]!])),
  )
  return new Map([...all].map(([label, dims]) => [label, broadcastDims(dims)]))
}

function inferEinsum(node: Node, ctx: InferContext): Inferred[] {
  const dtype = node.input(0).type?.dtype
  if (!dtype) return []
  const shapes = node.inputs.map((v) => v!.type?.shape)
  if (shapes.some((s) => !s)) return [{ type: { dtype } }]
  const equation = parseEquation(
    node,
    shapes.map((s) => s!.length),
  )
  const dims = dimensions(equation, shapes as Shape[])
  return [{ type: { dtype, shape: equation.result.map((c, i) => dims.get(c) ?? ctx.unknownDim(0, i)) } }]
}

/** Two for every product that is summed, a pair of operands at a time. */
function einsumFlops(node: Node): Expr {
  const shapes = node.inputs.map((v) => v!.type?.shape)
  if (shapes.length < 2 || shapes.some((s) => !s)) return Expr.zero
  const dims = dimensions(
    parseEquation(
      node,
      shapes.map((s) => s!.length),
    ),
    shapes as Shape[],
  )
  return elementCount([...dims.values()].map((d) => d ?? Expr.one)).mul(2 * (shapes.length - 1))
}

/**
 * dXᵢ = Σ dY·Π_{j≠i} Xⱼ over the labels that Xᵢ lacks. A label that only Xᵢ has was summed away: the gradient is constant
 * along it. A label that Xᵢ has twice reads a diagonal: the gradient is zero off it.
 */
function einsumGradient(node: Node, g: GradContext): ReturnType<GradRule> {
  const shapes = node.inputs.map((v) => shapeOf(node, v!))
  const equation = parseEquation(
    node,
    shapes.map((s) => s.length),
  )
  return node.inputs.map((_, i) => () => operandGradient(node, g, equation, shapes[i]!, i))
}

function operandGradient(
  node: Node,
  { b, dy }: GradContext,
  equation: Equation,
  shape: Shape,
  index: number,
): Value {
  const own = distinctLabels(equation, index)
  const others = node.inputs
    .map((v, j) => ({ value: v!, labels: equation.operands[j]! }))
    .filter((_, j) => j !== index)
  const factors = [
    { value: dy(), labels: equation.result },
    ...others,
    ...diagonals(b, equation, own, index, node),
  ]
  const present = own.filter((c) => factors.some((f) => f.labels.includes(c)))
  const product = productOf(b, factors, present)
  if (present.length === own.length) return product
  const kept = own.map((c) => (present.includes(c) ? product.type!.shape![present.indexOf(c)]! : Expr.one))
  return b.emit('Expand', [b.reshape(product, kept), b.shape(shape)])
}

interface Factor {
  readonly value: Value
  readonly labels: readonly string[]
}

/** The Einsum of factors; scalars are multiplied in afterwards. */
function productOf(b: Builder, factors: readonly Factor[], result: readonly string[]): Value {
  const scalars = factors.filter((f) => f.labels.length === 0).map((f) => f.value)
  const tensors = factors.filter((f) => f.labels.length > 0)
  const equation = `${tensors.map((f) => f.labels.join('')).join(',')}->${result.join('')}`
  const values = tensors.map((f) => f.value)
  const parts = tensors.length > 0 ? [b.emit('Einsum', values, { equation }), ...scalars] : scalars
  return parts.reduce((x, y) => b.mul(x, y))
}

/** The labels of an operand, with new ones for those that it repeats. */
function distinctLabels(equation: Equation, index: number): string[] {
  const used = new Set(equation.operands.flat())
  const free = LETTERS.filter((c) => !used.has(c))
  return equation.operands[index]!.map((c, axis, all) => (all.indexOf(c) < axis ? free.shift()! : c))
}

/** Identity matrices that tie an operand's new labels to those they stand for. */
function diagonals(
  b: Builder,
  equation: Equation,
  own: readonly string[],
  index: number,
  node: Node,
): Factor[] {
  const original = equation.operands[index]!
  return own.flatMap((label, axis) => {
    if (label === original[axis]) return []
    const n = shapeOf(node, node.input(index))[axis]!
    const ones = b.full({ dtype: node.input(index).type!.dtype, shape: [n, n] }, 1)
    return [{ value: b.emit('EyeLike', [ones]), labels: [original[axis]!, label] }]
  })
}

function evaluateEinsum(node: Node, operands: readonly NdArray[]): NdArray {
  const equation = parseEquation(
    node,
    operands.map((x) => x.shape.length),
  )
  const sizes = new Map<string, number>()
  equation.operands.forEach((labels, i) =>
    labels.forEach((c, axis) => sizes.set(c, Math.max(sizes.get(c) ?? 1, operands[i]!.shape[axis]!))),
  )
  const all = [...equation.result, ...[...sizes.keys()].filter((c) => !equation.result.includes(c))]
  const space = all.map((c) => sizes.get(c)!)
  const at = operands.map((x, i) => offsets(space, stridesOver(all, equation.operands[i]!, x.shape)))
  const shape = equation.result.map((c) => sizes.get(c)!)
  const data = new Float64Array(sizeOf(shape))
  const terms = sizeOf(space) / Math.max(data.length, 1)
  for (let i = 0; i < sizeOf(space); i++) {
    data[Math.floor(i / terms)]! += operands.reduce((product, x, k) => product * x.data[at[k]![i]!]!, 1)
  }
  return { dtype: operands[0]!.dtype, shape, data }
}

/** Strides of an operand over the space of all labels; a repeated label walks the diagonal. */
function stridesOver(all: readonly string[], own: readonly string[], shape: readonly number[]): number[] {
  const strides = stridesFor(shape, shape)
  return all.map((c) => own.reduce((sum, label, axis) => (label === c ? sum + strides[axis]! : sum), 0))
}
