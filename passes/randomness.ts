/** Random draws of a graph: which nodes make them, and the graph without them. */
import { Builder } from '../src/builder.js'
import { constantNumber, isDraw, trains } from '../src/draws.js'
import type { Graph, Model, Node, Value } from '../src/ir.js'
import type { OpTable } from '../src/op.js'
import { allGraphs, topologicalOrder } from '../src/order.js'
import { isFloat } from '../src/types.js'
import { isNestedResult, replaceOutputOrCopy } from './canonical/replace.js'
import { keepProbability } from './randomness/masks.js'

/** Nodes of a graph that draw, and those that compute from draws and constants alone: none of them may run twice. */
export function drawnNodes(graph: Graph): Set<Node> {
  const drawn = new Set<Node>()
  for (const node of topologicalOrder(graph)) {
    const data = node.inputs.filter((v) => v && !v.isInitializer)
    const fromDraws = data.length > 0 && data.every((v) => v!.producer && drawn.has(v!.producer))
    if ((isDraw(node) && node.op !== 'Dropout') || fromDraws) drawn.add(node)
  }
  return drawn
}

/**
 * The graph as it is in evaluation: Dropout passes on its operand, and a mask that was drawn and compared by hand is its
 * expectation, by which its survivors are divided anyway. A Dropout whose mode is fed stays: whoever feeds it decides.
 * @returns draws that are still there
 */
export function settle(model: Model, table: OpTable): Node[] {
  for (const graph of allGraphs(model.graph)) {
    const b = new Builder(model, graph, table)
    for (const node of topologicalOrder(graph)) {
      if (node.op === 'Dropout' && node.domain === '') settleDropout(node, b)
      else settleMask(node, b)
    }
  }
  return allGraphs(model.graph).flatMap((graph) => [...graph.nodes].filter((n) => isDraw(n) && isRead(n)))
}

function isRead(node: Node): boolean {
  return node.outputs.some((v) => v.uses.size > 0)
}

function settleDropout(node: Node, b: Builder): void {
  if (trains(node) && constantNumber(node.input(2)) === undefined) return
  const mask = node.outputs[1]
  if (mask && mask.uses.size > 0) replace(mask, b, b.full(mask.type!, 1))
  replace(node.output(), b, node.input(0))
}

/** A float mask becomes its expectation; `Where(mask, x, 0)` becomes x times it. */
function settleMask(node: Node, b: Builder): void {
  if (node.domain !== '' || !isRead(node)) return
  const y = node.output()
  if (!isFloat(y.type?.dtype) || !y.type?.shape) return
  if (node.op === 'Where') {
    const p = keepProbability(node.input(0))
    if (p === undefined) return
    const [kept, dropped] = [node.input(1), node.input(2)]
    if (constantNumber(dropped) === 0) replace(y, b, b.scale(kept, p))
    else if (constantNumber(kept) === 0) replace(y, b, b.scale(dropped, 1 - p))
    return
  }
  const p =
    node.op === 'Cast' || node.op === 'Bernoulli' || node.op === 'Floor' ? keepProbability(y) : undefined
  if (p !== undefined) replace(y, b, b.full(y.type, p))
}

/** Makes readers of an output read `value`; a result of a graph keeps its name and stays a node's own. */
function replace(output: Value, b: Builder, value: Value): void {
  if (!isNestedResult(output)) return replaceOutputOrCopy(output, value, output.producer!.graph!)
  output.replaceAllUsesWith(b.emit('Identity', [value], {}, { name: output.name }))
}
