/** Sums along an axis that keep every intermediate result. */
import type { NdArray, OpDef } from '../op.js'
import { sameAsInput } from './broadcast.js'
import { mapLines } from './nd.js'
import { normalizeAxis } from './shapes.js'

/** Definition of CumSum. */
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
    evaluate: (node, [x, axis]) => [
      cumulate(x!, normalizeAxis(node, axis!.data[0]!, x!.shape.length), {
        exclusive: node.int('exclusive', 0) === 1,
        reverse: node.int('reverse', 0) === 1,
      }),
    ],
  },
} satisfies Record<string, OpDef>

function cumulate(x: NdArray, axis: number, order: { exclusive: boolean; reverse: boolean }): NdArray {
  return mapLines(x, axis, (line) => {
    const forward = order.reverse ? line.toReversed() : line
    let sum = 0
    const sums = forward.map((v) => {
      const before = sum
      sum += v
      return order.exclusive ? before : sum
    })
    return order.reverse ? sums.toReversed() : sums
  })
}
