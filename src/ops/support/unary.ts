/** The frame of element-wise operators of one operand. */
import type { Builder } from '../../builder.js'
import type { Node, Value } from '../../ir.js'
import type { OpDef } from '../../op.js'
import { sameAsInput } from './broadcast.js'
import { map } from './nd.js'

/** What the gradient of a one-operand operator is made of; `y` is the output, `dy` its cotangent. */
export interface UnaryParts {
  readonly b: Builder
  readonly node: Node
  readonly x: Value
  readonly y: Value
  readonly dy: Value
}

/**
 * An element-wise operator of one operand.
 * @param f its value at a number
 * @param dx emits its gradient
 */
export function unary(f: (x: number, node: Node) => number, dx: ((p: UnaryParts) => Value) | 'none'): OpDef {
  return {
    infer: sameAsInput,
    grad:
      dx === 'none'
        ? 'none'
        : (node, { b, dy }) => [() => dx({ b, node, x: node.input(0), y: node.output(), dy: dy() })],
    evaluate: (node, [x]) => [map(x!, (v) => f(v, node))],
  }
}
