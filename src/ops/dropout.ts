/** Dropout. */
import type { Builder } from '../builder.js'
import type { Node, Value } from '../ir.js'
import type { GradContext, NdArray, OpDef } from '../op.js'
import { sameAsInput } from './support/broadcast.js'
import { oneMinus, where } from './support/emit.js'
import { map, nd, zip } from './support/nd.js'
import { constant } from './support/shapes.js'

/** Definition of Dropout. */
export const dropout = {
  /**
   * y = x in inference, x·mask / (1 − ratio) in training; dx = dy, dy·mask / (1 − ratio).
   * Inputs: x, ratio (½ where absent), training_mode (false where absent). Outputs: y, mask.
   */
  Dropout: {
    infer: (node, ctx) =>
      sameAsInput(node, ctx).flatMap((y) => [y, { type: { dtype: 'bool', shape: y.type.shape } }]),
    grad: (node, g) => [() => (isInference(node) ? g.dy() : trainingGradient(node, g)), null, null],
    evaluate: (node, [x, ratio, training]) => {
      const rate = ratio?.data[0] ?? 0.5
      if (!training?.data[0] || rate === 0) return [x!, nd('bool', x!.shape, 1)]
      const mask = draw(node, x!, rate)
      return [zip([x!, mask], (v, keep) => (keep ? v / (1 - rate) : 0)), mask]
    },
  },
} satisfies Record<string, OpDef>

function isInference(node: Node): boolean {
  const training = node.inputs[2]
  return !training || constant(training) === 0
}

function trainingGradient(node: Node, { b, dy, saved }: GradContext): Value {
  return droppedOut(node, b, dy(), saved(1, { dtype: 'bool', shape: node.input(0).type!.shape }))
}

/**
 * What a Dropout that has drawn `mask` makes of `x`: x·mask / (1 − ratio) in training, x where it is told not to train.
 * It is linear, so the gradient is the same of dy.
 */
export function droppedOut(node: Node, b: Builder, x: Value, mask: Value): Value {
  const kept = where(b, mask, x)
  const ratio = node.inputs[1] ? b.cast(node.inputs[1], x.type!.dtype) : b.scalarLike(x, 0.5)
  const scaled = b.div(kept, oneMinus(b, ratio))
  return constant(node.input(2)) === 1 ? scaled : where(b, node.input(2), scaled, x)
}

/** A mask drawn from the node's seed: the same at every evaluation, as a reference must be. */
function draw(node: Node, x: NdArray, rate: number): NdArray {
  let state = (node.int('seed', 1) % 2147483646) + 1
  return map({ ...x, dtype: 'bool' }, () => {
    state = (state * 48271) % 2147483647
    return state / 2147483647 >= rate ? 1 : 0
  })
}
