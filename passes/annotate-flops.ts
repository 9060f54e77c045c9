/** Counts what each branch computes. */
import { Expr } from '../src/expr.js'
import type { Node } from '../src/ir.js'
import type { OpTable } from '../src/op.js'
import { Layout } from '../src/ops/control/layout.js'
import type { Pass } from './pass.js'

export const annotateFlops: Pass = {
  name: 'annotate-flops',
  purpose: 'Counts the forward FLOPs of every branch, as an expression over the dimensions of the inputs.',
  needs: 'site.node',
  leaves: 'site.flops.forward, and attribute `flops` on the DropBP nodes',
  run({ sites, table }) {
    for (const site of sites) {
      const forward = flopsOf(site.region, table)
      site.flops = { forward }
      site.node!.attributes.set('flops', { type: 'string', value: String(forward) })
    }
  },
}

/** FLOPs of a set of nodes: a multiply-add counts two, element-wise work nothing. */
export function flopsOf(nodes: Iterable<Node>, table: OpTable): Expr {
  let total = Expr.zero
  for (const node of nodes) {
    const flops = table.find(node)?.flops?.(node)
    if (flops) total = total.add(flops)
    if (node.subgraphs.length > 0) total = total.add(nestedFlops(node, table))
  }
  return total
}

/** Of an `If` the branch that costs more; of a loop its iterations, one where only the run knows how many. */
function nestedFlops(node: Node, table: OpTable): Expr {
  const parts = node.subgraphs.map(([, graph]) => flopsOf(graph.nodes, table))
  return parts.reduce((a, b) => a.max(b)).mul(iterations(node))
}

function iterations(node: Node): Expr {
  if (node.op === 'Loop') return node.inputs[0]?.known?.[0] ?? Expr.one
  if (node.op !== 'Scan') return Expr.one
  const layout = new Layout(node)
  return node.input(layout.scanOperand(0)).type!.shape![layout.scanInput(0).axis]!
}
