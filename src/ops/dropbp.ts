/**
 * The project's own operators that exist between passes only. `DropBP` marks a residual branch and is identity in the
 * forward; the others carry conditions through the backward until the gate pass turns them into `If`. Their `evaluate`
 * is the flat graph's semantics, where an absent gradient is zero.
 */
import type { Node } from '../ir.js'
import type { Inferred, NdArray, OpDef } from '../op.js'

export const DOMAIN = 'com.dropbp'
export const DROPBP = `${DOMAIN}::DropBP`
export const GATE = `${DOMAIN}::Gate`
export const ACCUMULATE = `${DOMAIN}::Accumulate`
export const OR_ZERO = `${DOMAIN}::OrZero`

const sameAsFirst = (node: Node): Inferred[] => [{ type: node.input(0).type! }]

/** Definitions of `com.dropbp` operators. */
export const dropbp = {
  /**
   * y = x; dx = Gate(dy, keep)·scale. Inputs: x, keep (bool scalar; absent in annotated graphs), optionally scale (float32
   * scalar).
   */
  [DROPBP]: {
    infer: sameAsFirst,
    grad: (node, { b, dy }) => [
      () => {
        const [, keep, scale] = node.inputs
        const gated = keep ? b.emit('Gate', [dy(), keep], {}, { domain: DOMAIN, name: 'gate' }) : dy()
        return scale ? b.mul(gated, b.cast(scale, gated.type!.dtype)) : gated
      },
      null,
      null,
    ],
    evaluate: (_node, [x]) => [x!],
  },
  /** y = x where keep, absent elsewhere. Inputs: x, keep (bool scalar). Backward only. */
  [GATE]: {
    infer: sameAsFirst,
    grad: 'none',
    evaluate: (_node, [x, keep]) => [keep!.data[0] ? x! : zerosLike(x!)],
  },
  /** y = sum of the operands that are present, which are of one shape. Backward only. */
  [ACCUMULATE]: {
    infer: sameAsFirst,
    grad: 'none',
    evaluate: (_node, operands) => [operands.map((x) => x!).reduce(add)],
  },
  /** y = the first operand where it is present, zeros where only another one is. Backward only. */
  [OR_ZERO]: { infer: sameAsFirst, grad: 'none', evaluate: (_node, [x]) => [x!] },
} satisfies Record<string, OpDef>

function zerosLike(x: NdArray): NdArray {
  return { ...x, data: new Float64Array(x.data.length) }
}

function add(a: NdArray, b: NdArray): NdArray {
  return { ...a, data: a.data.map((x, i) => x + b.data[i]!) }
}
