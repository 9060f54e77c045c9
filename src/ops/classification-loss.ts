/** ONNX's classification losses. They are expanded: stock runtimes compute their parts much faster than the whole. */
import type { Builder } from '../builder.js'
import { Expr } from '../expr.js'
import type { Node, Value } from '../ir.js'
import type { Inferred, OpDef } from '../op.js'
import type { Shape } from '../types.js'
import { where } from './support/emit.js'
import { shapeOf } from './support/shapes.js'

/** Definitions of classification losses. */
export const classificationLoss = {
  /** loss = −w[t]·x[t] for each target t, then by `reduction`. Inputs: x [N, C, …], target [N, …], weight [C]. */
  NegativeLogLikelihoodLoss: {
    infer: inferLoss,
    grad: 'none',
    lower: (node, b) => [negativeLogLikelihood(node, b, node.input(0))],
  },
  /** NegativeLogLikelihoodLoss of log softmax(x). Outputs: loss, log-probabilities. */
  SoftmaxCrossEntropyLoss: {
    infer: (node) => {
      const loss = inferLoss(node)
      return loss.length > 0 ? [...loss, { type: node.input(0).type! }] : []
    },
    grad: 'none',
    lower: (node, b) => {
      const log = b.emit('LogSoftmax', [node.input(0)], { axis: 1 })
      return [negativeLogLikelihood(node, b, log), log]
    },
  },
} satisfies Record<string, OpDef>

function reduction(node: Node): string {
  return node.string('reduction', 'mean')
}

function inferLoss(node: Node): Inferred[] {
  const [x, target] = [node.input(0).type, node.input(1).type]
  return x ? [{ type: { dtype: x.dtype, shape: reduction(node) === 'none' ? target?.shape : [] } }] : []
}

function negativeLogLikelihood(node: Node, b: Builder, x: Value): Value {
  const shape = shapeOf(node, node.input(1))
  const { target, counted } = safeTarget(node, b)
  const column = b.reshape(target, [shape[0]!, Expr.one, ...shape.slice(1)])
  const found = b.reshape(b.emit('GatherElements', [x, column], { axis: 1 }), shape)
  const picked = counted ? where(b, counted, found) : found
  const weight = targetWeight(node, b, x, target, counted)
  const loss = b.neg(weight ? b.mul(picked, weight) : picked)
  return reduced(node, b, loss, weight, shape)
}

/** Targets with the ignored ones set to class 0, and which of them count. */
function safeTarget(node: Node, b: Builder): { target: Value; counted?: Value } {
  const target = node.input(1)
  const ignored = node.attributes.get('ignore_index')
  if (ignored?.type !== 'int') return { target }
  const counted = b.emit('Not', [b.emit('Equal', [target, b.scalarLike(target, ignored.value)])])
  return { target: where(b, counted, target), counted }
}

/** Weight of each target; undefined where all weigh one. */
function targetWeight(node: Node, b: Builder, x: Value, target: Value, counted?: Value): Value | undefined {
  const weight = node.inputs[2] && b.emit('Gather', [node.inputs[2], target])
  if (!counted) return weight ?? undefined
  return weight ? where(b, counted, weight) : b.cast(counted, x.type!.dtype)
}

/** By `reduction`; a mean is over the weights. */
function reduced(node: Node, b: Builder, loss: Value, weight: Value | undefined, shape: Shape): Value {
  if (reduction(node) === 'none') return loss
  const axes = [...shape.keys()]
  if (reduction(node) === 'mean' && !weight)
    return b.emit('ReduceMean', [loss, b.ints(axes)], { keepdims: 0 })
  const total = b.sum(loss, axes, false)
  return reduction(node) === 'mean' ? b.div(total, b.sum(weight!, axes, false)) : total
}
