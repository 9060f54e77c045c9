/** Removing outputs that nobody reads. */
import type { Graph, Node, Value } from '../../src/ir.js'
import { Layout } from '../../src/ops/control/layout.js'
import { removeDeadNodes } from '../../src/order.js'

/** Operators none of whose outputs may be left out. */
const COMPLETE: ReadonlySet<string> = new Set(['DynamicQuantizeLinear', 'Split', 'TopK'])

/** Drops outputs that nobody reads: trailing ones but for the first, and any that a nested graph computes. */
export function trimOutputs(node: Node, isRead: (v: Value) => boolean = (v) => v.uses.size > 0): void {
  if (node.subgraphs.length > 0) return trimResults(node, isRead)
  if (node.domain === '' && COMPLETE.has(node.op)) return
  while (node.outputs.length > 1 && !isRead(node.outputs.at(-1)!)) node.outputs.pop()
}

/** Drops results of branches, and what iterations stack; states of loops stay. */
function trimResults(node: Node, isRead: (v: Value) => boolean): void {
  const first = firstOptional(node)
  for (let i = node.outputs.length - 1; i >= first && node.outputs.length > 1; i--) {
    if (isRead(node.outputs[i]!)) continue
    for (const [, graph] of node.subgraphs) dropResult(graph, i + graph.outputs.length - node.outputs.length)
    for (const name of ['scan_output_axes', 'scan_output_directions']) dropItem(node, name, i - first)
    node.outputs.splice(i, 1)
  }
  for (const [, graph] of node.subgraphs) removeDeadNodes(graph)
}

/** The first output that may be dropped. */
function firstOptional(node: Node): number {
  if (node.op === 'If') return 0
  return node.op === 'Loop' || node.op === 'Scan' ? new Layout(node).states.length : Infinity
}

function dropResult(graph: Graph, at: number): void {
  graph.setOutputs(graph.outputs.toSpliced(at, 1))
}

function dropItem(node: Node, name: string, at: number): void {
  const list = node.ints(name)
  if (list) node.attributes.set(name, { type: 'ints', value: list.toSpliced(at, 1) })
}
