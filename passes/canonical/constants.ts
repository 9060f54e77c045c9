/** Constants: those that the source writes as nodes, and those that it keeps as initializers. */
import { prepareInitializer } from '../../src/infer.js'
import type { Attribute, Model, Node, Value } from '../../src/ir.js'
import { stringTensor } from '../../src/onnx/index.js'
import { allGraphs } from '../../src/order.js'
import { Tensor } from '../../src/tensor.js'
import { isFloat } from '../../src/types.js'

const source = new WeakSet<Value>()

/** Remembers which initializers the source model has, before passes make their own. */
export function noteSourceInitializers(model: Model): void {
  for (const graph of allGraphs(model.graph)) for (const value of graph.initializers) source.add(value)
}

/** Moves the initializers of nested graphs to the main graph, so that weights which a branch or a loop keeps are found. */
export function initializersToMain(model: Model): void {
  const taken = new Set([...model.graph.initializers].map((v) => v.name))
  for (const graph of allGraphs(model.graph)) {
    if (graph === model.graph) continue
    for (const value of [...graph.initializers]) {
      const { name } = value
      // Branches may use a name each for itself.
      for (let n = 2; taken.has(value.name); n++) value.name = `${name}_${n}`
      taken.add(value.name)
      graph.initializers.delete(value)
      model.graph.addInitializer(value)
    }
  }
}

/** Whether an initializer is one of the source model's float tensors, and so may turn out to be a parameter. */
export function mayBeParameter(value: Value): boolean {
  if (!source.has(value) || !isFloat(value.data?.dtype)) return false
  return value.data!.shape.length > 0 || value.name.includes('.')
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
