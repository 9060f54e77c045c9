/** Counts what each branch computes. */
import { Expr } from '../src/expr.js'
import type { Node } from '../src/ir.js'
import type { OpTable } from '../src/op.js'
import { Layout } from '../src/ops/control/layout.js'
import type { Pass, Site } from './pass.js'

export const annotateFlops: Pass = {
  name: 'annotate-flops',
  purpose:
    'Counts the forward FLOPs of every branch, as an expression over the dimensions of the inputs; those of nested branches for the innermost.',
  needs: 'site.node',
  leaves: 'site.flops.forward, and attribute `flops` on the DropBP nodes',
  run({ sites, table }) {
    const innermost = innermostSites(sites)
    for (const site of sites) {
      const own = [...site.region].filter((node) => innermost.get(node) === site)
      const forward = flopsOf(own, table)
      site.flops = { forward }
      site.node!.attributes.set('flops', { type: 'string', value: String(forward) })
    }
  },
}

/** The site that each forward node counts for: of nested ones the one of the smallest branch. */
function innermostSites(sites: readonly Site[]): Map<Node, Site> {
  const bySize = [...sites].sort((a, b) => b.region.size - a.region.size)
  return new Map(bySize.flatMap((site) => [...site.region].map((node) => [node, site] as const)))
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
