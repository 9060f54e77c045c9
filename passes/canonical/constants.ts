/** Constant nodes become initializers. */
import { type Attribute, type Node, type Value } from '../../src/ir.js'
import { prepareInitializer } from '../../src/infer.js'
import { stringTensor } from '../../src/onnx/index.js'
import { Tensor } from '../../src/tensor.js'

const constants = new WeakSet<Value>()

/** Whether an initializer was a `Constant` node of the source: written down in the program, not a weight of it. */
export function wasConstantNode(value: Value): boolean {
  return constants.has(value)
}

/** Replaces a `Constant` node by an initializer; false for a kind of constant that has no dense form. */
export function constantToInitializer(node: Node): boolean {
  const data = constantData(node)
  if (!data) return false
  const graph = node.graph!
  const output = node.output()
  graph.detachNode(node)
  output.producer = null
  output.data = data
  graph.addInitializer(output)
  prepareInitializer(output)
  constants.add(output)
  return true
}

function constantData(node: Node): Tensor | undefined {
  for (const [name, attribute] of node.attributes) {
    const read = READERS[name]
    if (read) return read(attribute)
  }
  return undefined
}

const READERS: Readonly<Record<string, (a: Attribute) => Tensor | undefined>> = {
  value: (a) => (a.type === 'tensor' ? a.value : undefined),
  value_int: (a) => (a.type === 'int' ? Tensor.scalar('int64', a.value) : undefined),
  value_ints: (a) => (a.type === 'ints' ? Tensor.of('int64', [a.value.length], a.value) : undefined),
  value_float: (a) => (a.type === 'float' ? Tensor.scalar('float32', a.value) : undefined),
  value_floats: (a) => (a.type === 'floats' ? Tensor.of('float32', [a.value.length], a.value) : undefined),
  value_string: (a) => (a.type === 'string' ? stringTensor([], [a.value]) : undefined),
  value_strings: (a) => (a.type === 'strings' ? stringTensor([a.value.length], a.value) : undefined),
}
