/** Replacing a node's output by another value without losing the names of a model's outputs. */
import { Graph, Node, Value, type Use } from '../../src/ir.js'

function isModelOutput(value: Value): boolean {
  for (const { user } of value.uses) if (user instanceof Graph && user.owner === null) return true
  return false
}

/** Whether a value is a result of a nested graph, which may return values of its own only. */
export function isNestedResult(value: Value): boolean {
  return [...value.uses].some(({ user }) => user instanceof Graph && user.owner !== null)
}

/** Makes some readers of a value read another. */
export function redirect(uses: Iterable<Use>, to: Value): void {
  for (const use of [...uses]) {
    if (use.user instanceof Node) use.user.setInput(use.index, to)
    else use.user.setOutput(use.index, to)
  }
}

/**
 * Makes every reader of `output` read `value`. A model output stays the value that it is, and becomes the output of the
 * node that computes `value`.
 * @returns false, with nothing changed, where that cannot be: `value` is an input, an initializer or itself an output
 */
export function replaceOutput(output: Value, value: Value): boolean {
  if (!isModelOutput(output)) {
    output.replaceAllUsesWith(value)
    return true
  }
  const free = value.producer?.graph?.owner === null && !isModelOutput(value)
  if (free) moveToOutput(value, output)
  return free
}

function moveToOutput(value: Value, output: Value): void {
  const former = output.producer!
  former.outputs[former.outputs.indexOf(output)] = new Value(output.name)
  const node = value.producer!
  node.outputs[node.outputs.indexOf(value)] = output
  output.producer = node
  output.type = value.type
  output.known = value.known
  value.replaceAllUsesWith(output)
  value.producer = null
}

/** As `replaceOutput`, with an `Identity` of `like`'s graph in between where the name cannot be kept. */
export function replaceOutputOrCopy(output: Value, value: Value, graph: Graph): void {
  if (replaceOutput(output, value)) return
  const copy = new Value(output.name, value.type)
  const node = new Node('Identity', [value], [copy])
  node.name = output.name
  graph.addNode(node)
  replaceOutput(output, copy)
}

/** The same node under another operator name; operands, outputs, attributes and metadata move over. */
export function renameNode(node: Node, op: string, domain = node.domain): Node {
  const renamed = new Node(op, node.inputs, node.outputs, node.attributes, domain)
  renamed.name = node.name
  renamed.extra = node.extra
  for (const [key, value] of node.metadata) renamed.metadata.set(key, value)
  const graph = node.graph!
  graph.detachNode(node)
  node.setInputs([])
  return graph.addNode(renamed)
}

/** Gives an emitted node the name and metadata (module scopes) of the node it stands for. */
export function inheritFrom(source: Node): (node: Node) => void {
  return (node) => {
    node.name = `${source.name}/${node.op}`
    for (const [key, value] of source.metadata) if (!node.metadata.has(key)) node.metadata.set(key, value)
  }
}
