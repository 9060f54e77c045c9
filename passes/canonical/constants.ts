/** Constants: those that the source writes as nodes, and those that it keeps as initializers. */
import { prepareInitializer } from '../../src/infer.js'
import { Node, type Attribute, type Model, type Value } from '../../src/ir.js'
import { stringTensor } from '../../src/onnx/index.js'
import { allGraphs } from '../../src/order.js'
import { Tensor } from '../../src/tensor.js'
import { isFloat } from '../../src/types.js'
import { isUniform } from '../parameters/data.js'
import { moduleScope } from '../scopes.js'

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

/**
 * Replaces a `Constant` node by an initializer; false for a kind of constant that has no dense form. PyTorch's exporters
 * write ones and zeros in the place of a scale or bias that a module lacks; these are no weights.
 */
export function constantToInitializer(node: Node): boolean {
  const data = constantData(node)
  if (!data) return false
  const graph = node.graph!
  const output = node.output()
  graph.detachNode(node)
  output.producer = null
  output.data = data
  if (isWritten(output) && !(moduleScope(node) !== undefined && isUniform(data))) source.add(output)
  graph.addInitializer(output)
  prepareInitializer(output)
  return true
}

/** A table or matrix of this many elements is no buffer that an exporter made up. */
const LEAST_WEIGHT = 256

/**
 * Whether a constant is a weight that the exporter wrote as a node: a large matrix that multiplies or is looked up in, or a
 * vector that a normalisation or a product takes as its scale or bias.
 */
function isWritten(value: Value): boolean {
  const { shape, size } = value.data!
  const reads = [...value.uses].map(({ user, index }) => (user instanceof Node ? `${user.op} ${index}` : ''))
  if (shape.length > 1) return size >= LEAST_WEIGHT && reads.some((use) => MATRICES.has(use))
  return size > 1 && reads.some((use) => VECTORS.has(use))
}

const MATRICES: ReadonlySet<string> = new Set(['MatMul 1', 'Gemm 1', 'Conv 1', 'ConvTranspose 1', 'Gather 0'])
const VECTORS: ReadonlySet<string> = new Set([
  'Gemm 2',
  'Conv 2',
  'LayerNormalization 1',
  'LayerNormalization 2',
  'RMSNormalization 1',
])

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
