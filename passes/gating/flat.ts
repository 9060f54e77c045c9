/** The ungated graph: dropped gradients are zero instead of absent. The reference that the gated one is tested against. */
import { Builder } from '../../src/builder.js'
import type { Model, Node, Value } from '../../src/ir.js'
import type { OpTable } from '../../src/op.js'
import { ACCUMULATE, GATE, OR_ZERO } from '../../src/ops/dropbp.js'

/** Replaces Gate by `Where(keep, dy, 0)`, Accumulate by sums, OrZero by its operand. */
export function flatten(model: Model, table: OpTable): void {
  const b = new Builder(model, model.graph, table)
  for (const node of [...model.graph.nodes]) {
    const value = flatValue(node, b)
    if (!value) continue
    node.output().replaceAllUsesWith(value)
    model.graph.removeNode(node)
  }
}

function flatValue(node: Node, b: Builder): Value | undefined {
  const [x] = node.inputs
  if (node.qualifiedOp === GATE) return b.emit('Where', [node.input(1), x!, b.scalarLike(x!, 0)])
  if (node.qualifiedOp === ACCUMULATE) return node.inputs.map((v) => v!).reduce((a, c) => b.add(a, c))
  return node.qualifiedOp === OR_ZERO ? x! : undefined
}
