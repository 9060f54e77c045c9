/** `If` nodes whose condition is known. */
import type { Graph, Node, Value } from '../../src/ir.js'
import { topologicalOrder } from '../../src/order.js'
import { moveInitializers } from './copy-body.js'
import { replaceOutputOrCopy } from './replace.js'

/** The value of a scalar that is known at compile time. */
export function knownScalar(value: Value | null | undefined): number | undefined {
  if (!value) return undefined
  if (value.known?.length === 1) return value.known[0]!.constant
  return value.data?.size === 1 ? value.data.item() : undefined
}

/** Puts the branch that an `If` takes in its place; returns its nodes in order, or undefined where the condition is open. */
export function inlineKnownIf(node: Node): Node[] | undefined {
  const condition = knownScalar(node.inputs[0])
  if (node.op !== 'If' || node.domain !== '' || condition === undefined) return undefined
  const branch = node.attributes.get(condition ? 'then_branch' : 'else_branch')
  if (branch?.type !== 'graph') return undefined
  const nodes = moveInto(node.graph!, branch.value)
  node.outputs.forEach((output, i) => replaceOutputOrCopy(output, branch.value.outputs[i]!, node.graph!))
  node.graph!.removeNode(node)
  return nodes
}

function moveInto(graph: Graph, inner: Graph): Node[] {
  const nodes = topologicalOrder(inner)
  moveInitializers(inner, graph)
  for (const node of nodes) {
    inner.detachNode(node)
    graph.addNode(node)
  }
  return nodes
}
