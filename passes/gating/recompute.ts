/** `--recompute`: the backward computes a branch's forward again from its boundary instead of reading what was saved. */
import { cloneNode, type ValueMap } from '../../src/clone.js'
import type { Node } from '../../src/ir.js'
import { outermost } from '../../src/order.js'

/**
 * Lets backward nodes read clones of a region's nodes.
 * @param region forward nodes of one branch, in topological order
 * @param isBackward whether a node was emitted by differentiation; the clones are
 */
export function recomputeRegion(region: readonly Node[], isBackward: (n: Node) => boolean): void {
  const graph = region[0]?.graph
  if (!graph) return
  const map: ValueMap = new Map()
  const readers = region
    .flatMap((n) => n.outputs.flatMap((v) => v.users))
    .filter((n) => isBackward(outermost(n)))
  if (readers.length === 0) return
  for (const node of region) graph.addNode(cloneNode(node, map))
  for (const reader of readers)
    reader.inputs.forEach((v, i) => v && map.has(v) && reader.setInput(i, map.get(v)!))
}
