/** Roots what the backward reads: a view of a forward value is taken again in the backward, so that one tensor is saved. */
import { cloneNode } from '../../src/clone.js'
import type { Graph, Node } from '../../src/ir.js'

const VIEWS = new Set(['Reshape', 'Squeeze', 'Unsqueeze', 'Flatten', 'Identity'])

/**
 * Replaces every read of a forward view by a backward node by a view made in the backward.
 * @param isBackward whether a node was emitted by differentiation
 */
export function rootSaved(graph: Graph, isBackward: (n: Node) => boolean): void {
  const pending = [...graph.nodes].filter(isBackward)
  while (pending.length > 0) {
    const node = pending.pop()!
    node.inputs.forEach((v, i) => {
      const view = v?.producer
      if (!view || isBackward(view) || !isView(view)) return
      const again = graph.addNode(cloneNode(view, new Map()))
      node.setInput(i, again.output())
      pending.push(again)
    })
  }
}

/** A transposed weight counts too: the products that read it transpose it for free. */
function isView(node: Node): boolean {
  if (node.domain !== '') return false
  return VIEWS.has(node.op) || (node.op === 'Transpose' && !node.input(0).producer)
}
