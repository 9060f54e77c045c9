/** Weights that an exporter stored once more under another shape: it folds `weight[None]` into a constant without a name. */
import { Expr } from '../../src/expr.js'
import { Node, type Graph, type Value } from '../../src/ir.js'
import { mayBeParameter } from '../canonical/constants.js'
import { isReshaped, isUniform } from './data.js'
import { isGenerated } from './spelling.js'
import type { BuilderFor } from './ties.js'
import type { Weight } from './weights.js'

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
