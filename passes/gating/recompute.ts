/** `--recompute`: the backward computes a branch's forward again from its boundary instead of reading what was saved. */
import { Builder } from '../../src/builder.js'
import { cloneNode, type ValueMap } from '../../src/clone.js'
import { isDraw } from '../../src/draws.js'
import { Value, type Model, type Node } from '../../src/ir.js'
import type { OpTable } from '../../src/op.js'
import { droppedOut } from '../../src/ops/dropout.js'
import { outermost, withNested } from '../../src/order.js'
import { drawnNodes } from '../randomness.js'

/**
 * Lets backward nodes read clones of a region's nodes. What was drawn at random is not drawn again: it is kept, and a Dropout
 * is repeated with the mask of the forward.
 * @param region forward nodes of one branch, in topological order
 * @param isBackward whether a node was emitted by differentiation; the clones are
 */
export function recomputeRegion(
  model: Model,
  table: OpTable,
  region: readonly Node[],
  isBackward: (n: Node) => boolean,
): void {
  const graph = region[0]?.graph
  if (!graph) return
  const map: ValueMap = new Map()
  const readers = region
    .flatMap((n) => n.outputs.flatMap((v) => v.users))
    .filter((n) => isBackward(outermost(n)))
  if (readers.length === 0) return
  const drawn = drawnNodes(graph)
  for (const node of region) {
    if (drawn.has(node) || withNested(node).slice(1).some(isDraw)) continue
    if (isDraw(node)) map.set(node.output(), repeated(node, new Builder(model, graph, table), map))
    else graph.addNode(cloneNode(node, map))
  }
  for (const reader of readers)
    reader.inputs.forEach((v, i) => v && map.has(v) && reader.setInput(i, map.get(v)!))
}

/** A Dropout once more, with the mask that it drew. */
function repeated(node: Node, b: Builder, map: ValueMap): Value {
  if (node.outputs.length < 2)
    node.addOutput(new Value('mask', { dtype: 'bool', shape: node.input(0).type!.shape }))
  return droppedOut(node, b, map.get(node.input(0)) ?? node.input(0), node.output(1))
}
