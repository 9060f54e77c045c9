/** Applies local rewrites to every graph of a model until none matches. */
import { Builder } from '../../src/builder.js'
import { Graph, Node, type Model, type Value } from '../../src/ir.js'
import type { OpTable } from '../../src/op.js'
import { allGraphs, removeDeadNodes, topologicalOrder } from '../../src/order.js'

/** What a node's first output can be instead; undefined where the rewrite does not apply. */
export type Rewrite = (node: Node, b: Builder) => Value | undefined

/** Rewrites until nothing changes. Only nodes whose further outputs are unread are replaced. */
export function rewriteModel(model: Model, table: OpTable, rewrites: readonly Rewrite[]): void {
  for (let changed = true; changed;) {
    changed = false
    for (const graph of allGraphs(model.graph)) {
      const b = new Builder(model, graph, table)
      for (const node of topologicalOrder(graph)) changed = rewriteNode(node, b, rewrites) || changed
    }
    removeDeadNodes(model.graph)
  }
}

function rewriteNode(node: Node, b: Builder, rewrites: readonly Rewrite[]): boolean {
  const [output, ...others] = node.outputs
  if (!output || output.uses.size === 0 || others.some((v) => v.uses.size > 0)) return false
  for (const rewrite of rewrites) {
    const value = rewrite(node, b)
    if (!value || value === output || !mayReplace(output, value, node.graph!)) continue
    output.replaceAllUsesWith(value)
    return true
  }
  return false
}

/** A graph's result must be computed by the graph itself, and by one result only. */
function mayReplace(output: Value, value: Value, graph: Graph): boolean {
  const isResult = [...output.uses].some((u) => u.user instanceof Graph)
  if (!isResult) return true
  return value.producer?.graph === graph && ![...value.uses].some((u) => u.user instanceof Graph)
}
