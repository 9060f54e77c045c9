/** Topological order, without recursion over nodes, and walks over nested graphs. */
import { CompileError } from './errors.js'
import { Graph, Node, Value } from './ir.js'

/** Values that a node reads, captures of its nested graphs included, each once. */
export function reads(node: Node): Set<Value> {
  const values = new Set<Value>()
  for (const input of node.inputs) if (input) values.add(input)
  if (node.subgraphs.length > 0) for (const value of captures(node)) values.add(value)
  return values
}

/** Values from outside that a node's nested graphs read, each once. */
export function captures(node: Node): Set<Value> {
  const values = new Set<Value>()
  const inside = new Set<Value>()
  const captured: Value[] = []
  for (const graph of nestedGraphs(node)) {
    for (const v of [...graph.inputs, ...graph.initializers]) inside.add(v)
    captured.push(...graph.outputs)
    for (const inner of graph.nodes) {
      for (const output of inner.outputs) inside.add(output)
      for (const input of inner.inputs) if (input) captured.push(input)
    }
  }
  for (const value of captured) if (!inside.has(value)) values.add(value)
  return values
}

/** The graph that computes or declares a value; null where a value belongs to none. */
export function homeOf(value: Value): Graph | null {
  return value.producer ? value.producer.graph : value.owner
}

/** Whether a value can be read in a graph: it lives there or around it. */
export function isVisible(value: Value, from: Graph): boolean {
  const home = homeOf(value)
  for (let graph: Graph | null = from; graph && home; graph = graph.owner?.graph ?? null)
    if (graph === home) return true
  return false
}

/** The node of the main graph in whose nested graphs a node lies; the node itself where it lies in none. */
export function outermost(node: Node): Node {
  let top = node
  while (top.graph?.owner) top = top.graph.owner
  return top
}

/** All graphs below a node, at any depth. */
export function nestedGraphs(node: Node): Graph[] {
  const found = node.subgraphs.map(([, g]) => g)
  for (let i = 0; i < found.length; i++) {
    for (const inner of found[i]!.nodes) for (const [, g] of inner.subgraphs) found.push(g)
  }
  return found
}

/** A node and all nodes of graphs below it. */
export function withNested(node: Node): Node[] {
  return [node, ...nestedGraphs(node).flatMap((g) => [...g.nodes])]
}

/** A graph and all graphs below it. */
export function allGraphs(graph: Graph): Graph[] {
  const graphs = [graph]
  for (const node of graph.nodes) graphs.push(...nestedGraphs(node))
  return graphs
}

/**
 * The nodes of `graph` so that producers precede readers; among the possible orders the one closest to insertion.
 * @throws CompileError `cyclic-graph`
 */
export function topologicalOrder(graph: Graph): Node[] {
  const order: Node[] = []
  const state = new Map<Node, 'open' | 'done'>()
  const dependencies = (node: Node): Node[] => {
    const found: Node[] = []
    for (const v of reads(node))
      if (v.producer?.graph === graph && state.get(v.producer) !== 'done') found.push(v.producer)
    return found
  }
  for (const root of graph.nodes) {
    if (state.has(root)) continue
    const stack: { node: Node; rest: Node[] }[] = [{ node: root, rest: dependencies(root) }]
    state.set(root, 'open')
    while (stack.length > 0) {
      const top = stack.at(-1)!
      const next = top.rest.shift()
      if (!next) {
        state.set(top.node, 'done')
        order.push(top.node)
        stack.pop()
      } else if (state.get(next) === 'open') {
        throw new CompileError('cyclic-graph', `node "${next.name}" (${next.op}) depends on its own output`)
      } else if (!state.has(next)) {
        state.set(next, 'open')
        stack.push({ node: next, rest: dependencies(next) })
      }
    }
  }
  return order
}

/** Removes nodes without readers, then initializers without readers; nested graphs too. */
export function removeDeadNodes(graph: Graph): void {
  const pending = [...graph.nodes].reverse()
  while (pending.length > 0) {
    const node = pending.pop()!
    if (node.graph !== graph || node.outputs.some((o) => o.uses.size > 0)) continue
    const producers = [...reads(node)].map((v) => v.producer).filter((p): p is Node => p?.graph === graph)
    graph.removeNode(node)
    pending.push(...producers)
  }
  for (const node of graph.nodes) for (const [, inner] of node.subgraphs) removeDeadNodes(inner)
  for (const value of [...graph.initializers]) if (value.uses.size === 0) graph.removeInitializer(value)
}
