/** Common subexpressions: equal constants, and nodes of one graph that compute the same. */
import type { Graph, Model, Node, Value } from '../../src/ir.js'
import { allGraphs, removeDeadNodes, topologicalOrder } from '../../src/order.js'

/** Larger constants are compared by identity alone. */
const COMPARED_BYTES = 1024

/**
 * Shares equal small constants across all graphs, and equal deterministic nodes within each.
 * @param isParameter initializers that stay apart
 * @param mayShare nodes that may be merged; all by default
 */
export function shareCommon(
  model: Model,
  isParameter: (v: Value) => boolean,
  mayShare: (node: Node) => boolean = () => true,
): void {
  shareConstants(model, isParameter)
  for (const graph of allGraphs(model.graph)) shareNodes(graph, mayShare)
  removeDeadNodes(model.graph)
}

function shareConstants(model: Model, isParameter: (v: Value) => boolean): void {
  const seen = new Map<string, Value>()
  for (const graph of allGraphs(model.graph)) {
    for (const value of [...graph.initializers]) {
      const data = value.data!
      if (isParameter(value) || data.byteLength > COMPARED_BYTES || data.byteLength === 0) continue
      const key = `${data.dtype}[${data.shape}]${Buffer.from(data.bytes()).toString('latin1')}`
      const first = seen.get(key)
      if (first) value.replaceAllUsesWith(first)
      else seen.set(key, toMain(value, model.graph))
    }
  }
}

/** A constant that several graphs read lives in the main graph. */
function toMain(value: Value, main: Graph): Value {
  if (value.owner === main) return value
  const own = value.owner!
  own.initializers.delete(value)
  return main.addInitializer(value)
}

function shareNodes(graph: Graph, mayShare: (node: Node) => boolean): void {
  const ids = new Map<Value, number>()
  const id = (v: Value | null): number => {
    if (!v) return -1
    if (!ids.has(v)) ids.set(v, ids.size)
    return ids.get(v)!
  }
  const seen = new Map<string, Node>()
  for (const node of topologicalOrder(graph)) {
    const attributes = attributeKey(node)
    if (attributes === undefined || RANDOM.test(node.op) || !mayShare(node)) continue
    const key = `${node.qualifiedOp}(${node.inputs.map(id)})${attributes}#${node.outputs.length}`
    const first = seen.get(key)
    if (!first) seen.set(key, node)
    else if (!node.outputs.some((v) => graph.outputs.includes(v))) {
      node.outputs.forEach((v, i) => v.replaceAllUsesWith(first.output(i)))
    }
  }
}

const RANDOM = /^(Random|Bernoulli|Multinomial|Dropout)/

/** Undefined where an attribute cannot be compared. */
function attributeKey(node: Node): string | undefined {
  const parts: string[] = []
  for (const [name, a] of node.attributes) {
    if (a.type === 'graph' || a.type === 'raw' || a.type === 'tensor') return undefined
    parts.push(`${name}=${JSON.stringify(a.value)}`)
  }
  return parts.sort().join()
}
