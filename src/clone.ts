/** Copies of nodes, graphs and models; tensor data is shared. */
import { Graph, Model, Node, Value, type Attribute, type FunctionDef } from './ir.js'

/** Originals to copies. A value that is not in it stands for itself: a capture from outside. */
export type ValueMap = Map<Value, Value>

/** A copy of a node whose operands are mapped; its outputs are new values, entered into the map. The copy is in no graph yet. */
export function cloneNode(node: Node, map: ValueMap): Node {
  const outputs = node.outputs.map((v) => cloneValue(v, map))
  const inputs = node.inputs.map((v) => v && (map.get(v) ?? v))
  const copy = new Node(node.op, inputs, outputs, cloneAttributes(node, map), node.domain)
  copy.name = node.name
  copy.extra = node.extra
  for (const [k, v] of node.metadata) copy.metadata.set(k, v)
  return copy
}

/** A copy of a graph and of all graphs below it. */
export function cloneGraph(graph: Graph, map: ValueMap = new Map()): Graph {
  const copy = new Graph(graph.name)
  copy.extra = graph.extra
  for (const [k, v] of graph.metadata) copy.metadata.set(k, v)
  for (const v of graph.inputs) copy.addInput(cloneValue(v, map))
  for (const v of graph.initializers) copy.addInitializer(cloneValue(v, map))
  // Operands may be produced by a node that stands later: all outputs first.
  for (const node of graph.nodes) for (const v of node.outputs) cloneValue(v, map)
  for (const node of graph.nodes) copy.addNode(cloneNode(node, map))
  copy.setOutputs(graph.outputs.map((v) => map.get(v) ?? v))
  return copy
}

/** A copy of a model that shares tensor data and functions. */
export function cloneModel(model: Model, map: ValueMap = new Map()): Model {
  const copy = new Model(cloneGraph(model.graph, map))
  copy.irVersion = model.irVersion
  copy.producerName = model.producerName
  copy.producerVersion = model.producerVersion
  copy.extra = model.extra
  for (const [k, v] of model.opsets) copy.opsets.set(k, v)
  for (const [k, v] of model.metadata) copy.metadata.set(k, v)
  copy.functions.push(...(model.functions as FunctionDef[]))
  for (const [k, { value, axis }] of model.dimSources) {
    copy.dimSources.set(k, { value: map.get(value) ?? value, axis })
  }
  return copy
}

function cloneValue(value: Value, map: ValueMap): Value {
  const old = map.get(value)
  if (old) return old
  const copy = new Value(value.name, value.type)
  copy.data = value.data
  copy.known = value.known
  copy.described = value.described
  copy.extra = value.extra
  map.set(value, copy)
  return copy
}

function* cloneAttributes(node: Node, map: ValueMap): Iterable<[string, Attribute]> {
  for (const [name, a] of node.attributes) {
    yield [name, a.type === 'graph' ? { type: 'graph', value: cloneGraph(a.value, map) } : a]
  }
}
