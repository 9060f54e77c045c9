/** Expands the project's own operators into what stock runtimes have. */
import { Builder } from '../src/builder.js'
import type { Graph, Model, Node } from '../src/ir.js'
import type { OpTable } from '../src/op.js'
import { DOMAIN, DROPBP } from '../src/ops/dropbp.js'
import { allGraphs, removeDeadNodes } from '../src/order.js'
import { replaceOutputOrCopy } from './canonical/replace.js'
import { addIntoBases } from './lowering/embedding-base.js'
import { KernelCalls } from './lowering/kernel-calls.js'
import { moveRowScales } from './lowering/row-scale.js'
import type { Pass } from './pass.js'

export const lower: Pass = {
  name: 'lower',
  purpose:
    'Expands the operators of com.dropbp into standard ones and into com.microsoft ones that stock runtimes have.',
  needs: 'Every com.dropbp operator left has `lower`; dead outputs are known to be dead.',
  leaves: 'No operator of com.dropbp, but for calls of functions that kernels compute.',
  run({ model, table, options }) {
    lowerModel(model, table, options.kernels)
  },
}

/**
 * Expands the project's own operators in all graphs of a model.
 * @param kernels operators that kernels exist for become calls of functions with the expansion as their body
 */
export function lowerModel(model: Model, table: OpTable, kernels = false): void {
  const calls = kernels ? new KernelCalls(model) : undefined
  removeDeadNodes(model.graph)
  for (const graph of allGraphs(model.graph)) {
    const b = new Builder(model, graph, table)
    moveRowScales(graph, b)
    addIntoBases(graph)
    // What an expansion emits may need expanding itself.
    const left = (): Node[] => ownNodes(graph).filter((n) => !calls?.has(n))
    for (let own = left(); own.length > 0; own = left())
      for (const node of own) if (!calls?.take(node)) expand(node, b, table)
  }
  removeDeadNodes(model.graph)
}

function ownNodes(graph: Graph): Node[] {
  return [...graph.nodes].filter((n) => n.domain === DOMAIN && n.qualifiedOp !== DROPBP)
}

function expand(node: Node, b: Builder, table: OpTable): void {
  const lowering = table.find(node)?.lower
  if (!lowering)
    throw new Error(`internal error: ${node.qualifiedOp} "${node.name}" is still there and has no lowering`)
  const results = lowering(node, b)
  const graph = node.graph!
  ;[...node.outputs].forEach((output, i) => {
    const result = results[i]
    if (result) replaceOutputOrCopy(output, result, graph)
  })
  graph.removeNode(node)
}
