/** Node order in the file, which decides the order in which stock ONNX Runtime executes what data does not order. */
import type { Model, Node } from '../src/ir.js'
import { allGraphs, topologicalOrder } from '../src/order.js'

/**
 * ONNX Runtime walks depth first from the leaves (nodes that no other node reads), the last of the file first. In plain
 * file order it would run a weight's gradient, a leaf, only after everything else, and keep its operands alive until then.
 * With the leaves last and reversed, each runs as soon as its operands exist.
 */
export function orderLeavesLast(model: Model): void {
  for (const graph of allGraphs(model.graph)) {
    const order = topologicalOrder(graph)
    const leaves = order.filter(isLeaf)
    const leaf = new Set(leaves)
    graph.nodes.clear()
    for (const node of [...order.filter((n) => !leaf.has(n)), ...leaves.reverse()]) graph.nodes.add(node)
  }
}

function isLeaf(node: Node): boolean {
  return node.outputs.every((v) => [...v.uses].every(({ user }) => user === node.graph))
}
