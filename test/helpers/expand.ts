/** Writing operators in their parts where only those have reference semantics. */
import { replaceOutputOrCopy } from '../../passes/canonical/replace.js'
import { Builder } from '../../src/builder.js'
import type { Model, Node } from '../../src/ir.js'
import { standardOps } from '../../src/ops/index.js'
import { allGraphs } from '../../src/order.js'

/** Expands, in all graphs, every operator that has `lower` and no `evaluate`, but for the nodes in `kept`. */
export function expandUnevaluable(model: Model, kept: ReadonlySet<Node> = new Set()): void {
  for (const graph of allGraphs(model.graph)) {
    const pending = [...graph.nodes].filter((n) => !kept.has(n))
    while (pending.length > 0) {
      const node = pending.pop()!
      const def = standardOps.find(node)
      if (!def?.lower || def.evaluate) continue
      const b = new Builder(model, graph, standardOps, (n) => pending.push(n))
      const results = def.lower(node, b)
      ;[...node.outputs].forEach((output, i) => {
        const result = results[i]
        if (result) replaceOutputOrCopy(output, result, graph)
      })
      graph.removeNode(node)
    }
  }
}
