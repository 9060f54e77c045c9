/** Weights that an exporter stored under another shape: it folds `weight[None]` into a constant without a name. */
import { Expr } from '../../src/expr.js'
import { prepareInitializer } from '../../src/infer.js'
import { Node, type Graph, type Value } from '../../src/ir.js'
import { Tensor } from '../../src/tensor.js'
import { mayBeParameter } from '../canonical/constants.js'
import { isReshaped, isUniform } from './data.js'
import { isGenerated } from './spelling.js'
import type { BuilderFor, Reading, Weight } from './weight.js'

/** Makes the readers of such a copy read the weight. */
export function joinReshapedCopies(graph: Graph, weights: readonly Weight[], builder: BuilderFor): void {
  const named = new Set(weights.map((w) => w.value))
  for (const copy of [...graph.initializers]) {
    if (named.has(copy) || !isGenerated(copy.name) || !mayBeParameter(copy) || isUniform(copy.data!)) continue
    const original = weights.find((w) => isReshaped(w.value.data!, copy.data!))
    const reader = [...copy.uses].map((use) => use.user).find((user) => user instanceof Node)
    if (!original || !reader) continue
    joinCopy(original, copy, reader, builder)
  }
}

function joinCopy(original: Weight, copy: Value, reader: Node, builder: BuilderFor): void {
  const b = builder({ node: reader, index: 0 })
  copy.replaceAllUsesWith(b.reshape(original.value, copy.data!.shape.map(Expr.of)))
  copy.owner!.removeInitializer(copy)
  original.copies.push(copy.name)
  original.aliases.add(copy.name)
}

/**
 * The name of a constant that is a weight with axes of one element put in, where its place tells: the biases of a product
 * by a stack of matrices (`x · W + b[:, None]`), or the logits beside the scores that attention sinks into.
 */
export function nameOfWidened(value: Value, { node, index }: Reading, scope: string): string | undefined {
  const { shape } = value.data!
  if (node.op === 'Add' && shape.length === 3 && shape[0]! > 1 && shape[1] === 1) {
    const product = node.input(1 - index).producer
    const matrices = product?.op === 'MatMul' ? product.input(1) : undefined
    if (!matrices?.isInitializer || isGenerated(matrices.name) || !matrices.name.includes('.'))
      return undefined
    if (matrices.data!.shape.length !== 3 || matrices.data!.shape[0] !== shape[0]) return undefined
    return /\bweight$/.test(matrices.name)
      ? matrices.name.replace(/weight$/, 'bias')
      : `${matrices.name}_bias`
  }
  return isSink(value, node) ? `${scope}.sinks` : undefined
}

/** One logit a head, [1, heads, 1, 1], that every query has beside its scores. */
function isSink(value: Value, node: Node): boolean {
  const { shape, size } = value.data!
  if (node.op !== 'Expand' || shape.length !== 4 || size !== shape[1]) return false
  const { users } = node.output()
  return users.length > 0 && users.every((user) => user.op === 'Concat' && reachesSoftmax(user))
}

/** Whether a sum's largest element is taken off and its exponentials are normalised, or the latter alone. */
function reachesSoftmax(scores: Node): boolean {
  return scores
    .output()
    .users.some(({ op, outputs }) =>
      op === 'Sub' ? outputs[0]!.users.some((user) => user.op === 'Softmax') : op === 'Softmax',
    )
}

/** Gives a weight that was stored with axes of one element the framework's shape, without them. */
export function narrow(weight: Weight, builder: BuilderFor): Weight {
  const { value, readings, folded, name } = weight
  const { dtype, shape } = value.data!
  if (!folded || !shape.includes(1) || !readings.every((r) => nameOfWidened(value, r, '') !== undefined))
    return weight
  const squeezed = Tensor.of(
    dtype,
    shape.filter((d) => d !== 1),
    value.data!.numbers(),
  )
  const narrowed = value.owner!.addInitializer(name, squeezed)
  prepareInitializer(narrowed)
  value.replaceAllUsesWith(builder(readings[0]!).reshape(narrowed, shape.map(Expr.of)))
  value.owner!.removeInitializer(value)
  return { ...weight, value: narrowed }
}
