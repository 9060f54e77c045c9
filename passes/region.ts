/** Regions: the nodes that serve given operands and nothing else. */
import { Graph, type Node, type Use, type Value } from '../src/ir.js'
import { operandsOf, userIn, type Flow } from './flow.js'

/**
 * The nodes all of whose differentiable paths to the loss pass through the given reads; what they read from outside is
 * their boundary.
 */
export function differentiableRegion(flow: Flow, through: readonly Value[]): Set<Node> {
  return grow(flow.graph, through, (node) => flow.outDegree(node), (value) => flow.differentiable.has(value))
}

/**
 * The forward nodes of a branch: those all of whose uses, differentiable or not, lie in the branch that ends in a
 * `DropBP` node.
 * @param dropBP the node on the branch's output; not part of the region
 * @param among uses by nodes outside this set (those of the backward) do not count; all count by default
 */
export function branchRegion(dropBP: Node, among?: ReadonlySet<Node>): Set<Node> {
  const graph = dropBP.graph!
  const counts = (use: Use): boolean => {
    const user = userIn(graph, use)
    return user instanceof Graph || !among || among.has(user)
  }
  const degree = (node: Node): number => {
    let n = 0
    for (const output of node.outputs) for (const use of output.uses) if (counts(use)) n++
    return n
  }
  return grow(graph, [dropBP.input(0)], degree, () => true)
}

/**
 * Adds a node once all its reads are accounted for, last nodes first.
 * @param through one entry for each read that the region starts from
 * @param degree number of reads of a node's outputs that count
 */
function grow(
  graph: Graph,
  through: readonly Value[],
  degree: (node: Node) => number,
  follow: (value: Value) => boolean,
): Set<Node> {
  const region = new Set<Node>()
  const accounted = new Map<Node, number>()
  const pending = through.filter(follow)
  while (pending.length > 0) {
    const node = pending.pop()!.producer
    if (!node || node.graph !== graph) continue
    const n = (accounted.get(node) ?? 0) + 1
    accounted.set(node, n)
    if (n < degree(node)) continue
    region.add(node)
    for (const operand of operandsOf(node)) if (follow(operand)) pending.push(operand)
  }
  return region
}

/** Differentiable values that a region reads from outside, initializers apart. */
export function boundaryOf(region: ReadonlySet<Node>, flow: Flow): Set<Value> {
  const boundary = new Set<Value>()
  for (const node of region)
    for (const value of operandsOf(node)) {
      const inside = value.producer !== null && region.has(value.producer)
      if (!inside && !value.isInitializer && flow.differentiable.has(value)) boundary.add(value)
    }
  return boundary
}
