/**
 * The project's own operators, which exist between passes only. `DropBP` marks a residual branch and is identity in the
 * forward; `Gate` and `Accumulate` carry conditions through the backward until the gate pass turns them into `If`.
 */
import type { Node } from '../ir.js'
import type { Inferred, OpDef } from '../op.js'

export const DOMAIN = 'com.dropbp'

const sameAsFirst = (node: Node): Inferred[] => [{ type: node.input(0).type! }]

/** Definitions of `com.dropbp` operators. */
export const dropbp = {
  /** y = x; dx = Gate(dy, keep). Inputs: x, keep (bool scalar; absent in annotated graphs). */
  [`${DOMAIN}::DropBP`]: {
    infer: sameAsFirst,
    grad: (node, { b, dy }) => [
      () => (node.inputs[1] ? b.emit('Gate', [dy(), node.input(1)], {}, { domain: DOMAIN, name: 'gate' }) : dy()),
      null,
    ],
    evaluate: (_node, [x]) => [x!],
  },
  /** y = x where keep, absent (zero) elsewhere. Inputs: x, keep (bool scalar). Backward only. */
  [`${DOMAIN}::Gate`]: { infer: sameAsFirst, grad: 'none' },
  /** y = sum of the operands that are present. Backward only. */
  [`${DOMAIN}::Accumulate`]: { infer: sameAsFirst, grad: 'none' },
} satisfies Record<string, OpDef>
