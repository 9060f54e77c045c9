/** Rotary position embedding as one operator: the halves of the last axis are the two coordinates of each rotated pair. */
import type { Builder } from '../builder.js'
import type { Node, Value } from '../ir.js'
import type { NdArray, OpDef } from '../op.js'
import { broadcasting } from './support/broadcast.js'
import { DOMAIN } from './dropbp.js'
import { map, mapLines, zip } from './support/nd.js'

export const ROTARY = `${DOMAIN}::Rotary`

/** Definition of the rotation. */
export const rotate = {
  /**
   * y = x·cos + R(x)·sin, R(x₁, x₂) = (−x₂, x₁); with `transposed` y = x·cos − R(x·sin), the rotation back.
   * Inputs: x [..., d], cos, sin (broadcast). dx = the other of the two on dy; dcos = dy·x, dsin = dy·R(x)
   */
  [ROTARY]: {
    infer: broadcasting(),
    grad: (node, { b, dy }) => {
      const [x, cos, sin] = [node.input(0), node.input(1), node.input(2)]
      const back = isTransposed(node)
      return [
        () => emitRotary(b, dy(), cos, sin, !back),
        () => b.mul(dy(), x),
        () => (back ? b.neg(b.mul(turned(b, dy(), true), x)) : b.mul(dy(), turned(b, x))),
      ]
    },
    evaluate: (node, [x, cos, sin]) => {
      const straight = zip([x!, cos!], (v, c) => v * c)
      const across = isTransposed(node)
        ? map(evaluateTurned(zip([x!, sin!], (v, s) => v * s)), (v) => -v)
        : zip([evaluateTurned(x!), sin!], (v, s) => v * s)
      return [zip([straight, across], (a, c) => a + c)]
    },
    lower: (node, b) => {
      const [x, cos, sin] = [node.input(0), node.input(1), node.input(2)]
      const across = isTransposed(node) ? turned(b, b.mul(x, sin), true) : b.mul(turned(b, x), sin)
      return [b.add(b.mul(x, cos), across)]
    },
  },
} satisfies Record<string, OpDef>

/** Emits a rotation, forward or back. */
export function emitRotary(b: Builder, x: Value, cos: Value, sin: Value, transposed = false): Value {
  const attributes = { transposed: transposed ? 1 : undefined }
  return b.emit('Rotary', [x, cos, sin], attributes, { domain: DOMAIN, name: 'rotary' })
}

function isTransposed(node: Node): boolean {
  return node.int('transposed', 0) === 1
}

/** R(x) = (−x₂, x₁), or its inverse (x₂, −x₁). */
function turned(b: Builder, x: Value, back = false): Value {
  const [first, second] = b.emitAll('Split', [x], { axis: -1, num_outputs: 2 }, { outputs: 2 })
  const halves = back ? [second!, b.neg(first!)] : [b.neg(second!), first!]
  return b.emit('Concat', halves, { axis: -1 })
}

function evaluateTurned(x: NdArray): NdArray {
  const half = x.shape.at(-1)! / 2
  return mapLines(x, x.shape.length - 1, (line) =>
    line.map((_, i) => (i < half ? -line[i + half]! : line[i - half]!)),
  )
}
