/** Sums and products along an axis that keep every intermediate result. */
import { CompileError } from '../errors.js'
import { Expr } from '../expr.js'
import type { Node, Value } from '../ir.js'
import type { GradContext, NdArray, OpDef } from '../op.js'
import { sameAsInput } from './support/broadcast.js'
import { where } from './support/emit.js'
import { mapLines } from './support/nd.js'
import { productGradient } from './reduction.js'
import { constant, normalizeAxis, shapeOf } from './support/shapes.js'

/** Definitions of CumSum and CumProd. */
export const cumulative = {
  /** yᵢ = Σ_{j≤i} xⱼ, j < i where exclusive, from the end where reverse; dx = the same sum of dy in the other direction */
  CumSum: {
    infer: sameAsInput,
    grad: (node, { b, dy }) => [
      () =>
        b.emit('CumSum', [dy(), node.input(1)], {
          exclusive: node.int('exclusive', 0),
          reverse: 1 - node.int('reverse', 0),
        }),
      null,
    ],
    evaluate: (node, [x, axis]) => [cumulate(node, x!, axis!, 0, (sum, v) => sum + v)],
  },
  /** yᵢ = Π_{j≤i} xⱼ, in the same forms; see `productsBack` */
  CumProd: {
    infer: sameAsInput,
    grad: (node, g) => [() => productsBack(node, g), null],
    evaluate: (node, [x, axis]) => [cumulate(node, x!, axis!, 1, (product, v) => product * v)],
  },
} satisfies Record<string, OpDef>

function cumulate(
  node: Node,
  x: NdArray,
  axis: NdArray,
  start: number,
  combine: (sum: number, v: number) => number,
): NdArray {
  const [exclusive, reverse] = [node.int('exclusive', 0) === 1, node.int('reverse', 0) === 1]
  return mapLines(x, normalizeAxis(node, axis.data[0]!, x.shape.length), (line) => {
    let sum = start
    const sums = (reverse ? line.toReversed() : line).map((v) => {
      const before = sum
      sum = combine(sum, v)
      return exclusive ? before : sum
    })
    return reverse ? sums.toReversed() : sums
  })
}

/** yᵢ is the product of row i of a matrix that holds xⱼ where j counts for i, and else 1: its gradient, summed over i. */
function productsBack(node: Node, { b, dy }: GradContext): Value {
  const x = node.input(0)
  const shape = shapeOf(node, x)
  const given = constant(node.inputs[1])
  if (given === undefined) {
    throw new CompileError(
      'dynamic-axes',
      `CumProd (node "${node.name}") computes its axis at run time, so it has no gradient; make its axis constant, or freeze the parameters before it with --freeze`,
    )
  }
  const axis = normalizeAxis(node, given, shape.length)
  const rest = shape.slice(axis + 1)
  const square = [...shape.slice(0, axis), shape[axis]!, shape[axis]!, ...rest]
  const ones = b.full({ dtype: 'float32', shape: [shape[axis]!, shape[axis]!] }, 1)
  const [upper, k] = [node.int('reverse', 0), node.int('exclusive', 0)]
  const triangle = b.emit('Trilu', [ones, b.scalar('int64', upper ? k : -k)], { upper })
  const counts = b.reshape(b.cast(triangle, 'bool'), [
    shape[axis]!,
    shape[axis]!,
    ...rest.map(() => Expr.one),
  ])
  const spread = b.reshape(x, [...shape.slice(0, axis), Expr.one, ...shape.slice(axis)])
  const matrix = b.emit('Expand', [where(b, counts, spread, 1), b.shape(square)])
  const gradient = productGradient({
    b,
    x: matrix,
    over: (op, v) => b.emit(op, [v, b.ints([axis + 1])]),
    dy: () => b.reshape(dy(), [...shape.slice(0, axis + 1), Expr.one, ...rest]),
  })
  return b.sum(where(b, counts, gradient), [axis], false)
}
