/** The forward nodes that belong to a residual branch alone. */
import { Node, type Graph } from '../../src/ir.js'
import { outermost, topologicalOrder } from '../../src/order.js'
import type { Site } from '../pass.js'
import { hostNodes } from './execution.js'

/**
 * Nodes all of whose forward uses, differentiable or not, lie in the branch; in topological order. Of nested branches the
 * outermost owns a node.
 * @param isForward which nodes' uses count: what the backward reads is saved, not a use
 */
export function branchRegions(
  graph: Graph,
  sites: readonly Site[],
  isForward: (n: Node) => boolean,
): Map<Site, Node[]> {
  const order = topologicalOrder(graph).filter(isForward)
  const host = hostNodes(order)
  const bySite = new Map(sites.map((s) => [s.node!, s]))
  const owners = new Map<Node, Site>()
  const regions = new Map<Site, Node[]>(sites.map((s) => [s, []]))
  for (const node of order.reverse()) {
    if (host.has(node)) continue
    const owner = ownerOf(node, owners, bySite, isForward)
    if (!owner) continue
    owners.set(node, owner)
    regions.get(owner)!.unshift(node)
  }
  return regions
}

function ownerOf(
  node: Node,
  owners: ReadonlyMap<Node, Site>,
  bySite: ReadonlyMap<Node, Site>,
  isForward: (n: Node) => boolean,
): Site | undefined {
  let owner: Site | undefined
  for (const output of node.outputs)
    for (const { user } of output.uses) {
      const top = user instanceof Node ? user : user.owner
      if (!top) return undefined
      const reader = outermost(top)
      if (!isForward(reader)) continue
      const site = owners.get(reader) ?? bySite.get(reader)
      if (!site || (owner && owner !== site)) return undefined
      owner = site
    }
  return owner
}
