/** Putting the body of a control-flow operator in its place. */
import { cloneNode, type ValueMap } from '../../src/clone.js'
import { prepareInitializer } from '../../src/infer.js'
import type { Graph, Node } from '../../src/ir.js'
import { topologicalOrder, withNested } from '../../src/order.js'

/** Moves the constants of a body to the graph that takes its nodes. */
export function moveInitializers(body: Graph, graph: Graph): void {
  for (const value of [...body.initializers]) {
    body.initializers.delete(value)
    prepareInitializer(graph.addInitializer(value))
  }
}

/**
 * Copies the nodes of a body into a graph, in order; constants of the body move there.
 * @param map what the inputs of the body are there; the copies are entered into it
 * @param copied told of every copied node, with what it is a copy of
 */
export function copyBody(
  body: Graph,
  graph: Graph,
  map: ValueMap,
  copied: (copy: Node, original: Node) => void,
): Node[] {
  moveInitializers(body, graph)
  return topologicalOrder(body).map((node) => {
    const copy = graph.addNode(cloneNode(node, map))
    const originals = withNested(node)
    withNested(copy).forEach((inner, i) => copied(inner, originals[i]!))
    return copy
  })
}
