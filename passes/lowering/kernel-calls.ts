/**
 * Calls of functions that kernels can compute. Their bodies are what operators are expanded into otherwise, so that stock
 * ONNX Runtime, which inlines them, computes the same.
 */
import { kernelFunctionOf, KERNEL_FUNCTIONS, withKernelRules } from '../../kernels/index.js'
import type { KernelFunction } from '../../kernels/kernel.js'
import { Builder, float } from '../../src/builder.js'
import { bindInputDims } from '../../src/infer.js'
import { Graph, Model, Node, Value, type Attribute, type FunctionDef } from '../../src/ir.js'
import { DOMAIN } from '../../src/ops/dropbp.js'
import { standardOps } from '../../src/ops/index.js'
import { allGraphs } from '../../src/order.js'
import { Tensor } from '../../src/tensor.js'
import { lowerModel } from '../lower.js'
import { simplifyModel } from '../simplify.js'

const NAMES: ReadonlySet<string> = new Set(KERNEL_FUNCTIONS.map((f) => f.name))

/** Turns nodes of a model into calls, and gives the model the functions. */
export class KernelCalls {
  constructor(private readonly model: Model) {}

  /** Whether a node is such a call. */
  has(node: Node): boolean {
    return node.domain === DOMAIN && NAMES.has(node.op)
  }

  /** Replaces a node by a call, where a function computes it. */
  take(node: Node): boolean {
    const fn = kernelFunctionOf(node)
    if (!fn) return false
    const attributes = Object.keys(fn.attributes ?? {}).map(
      (name) => [name, attributeOf(node, name)] as const,
    )
    const inputs = node.inputs.filter((v) => v !== null)
    // all results: a runtime without kernels drops what nobody reads
    const outputs = Array.from(
      { length: fn.outputs },
      (_, i) => node.outputs[i] ?? new Value(`${fn.op}_${i}`),
    )
    const call = new Node(fn.name, inputs, outputs, attributes, DOMAIN)
    call.name = node.name
    for (const [key, value] of node.metadata) call.metadata.set(key, value)
    // the operators of a library say no shapes
    for (const output of outputs) output.described = output.type !== undefined
    const graph = node.graph!
    graph.detachNode(node)
    node.setInputs([])
    graph.addNode(call)
    if (!this.model.functions.some((f) => f.domain === DOMAIN && f.name === fn.name))
      this.model.functions.push(functionDef(fn))
    return true
  }
}

function attributeOf(node: Node, name: string): Attribute {
  const attribute = node.attributes.get(name)
  if (!attribute) throw new Error(`internal error: ${node.qualifiedOp} "${node.name}" does not say ${name}`)
  return attribute
}

const definitions = new Map<string, FunctionDef>()

/** The function, its body made once: what its operator's lowering emits for operands of the sample's types. */
export function functionDef(fn: KernelFunction): FunctionDef {
  const made = definitions.get(fn.name) ?? define(fn)
  definitions.set(fn.name, made)
  return made
}

function define(fn: KernelFunction): FunctionDef {
  const table = withKernelRules(standardOps)
  const model = new Model(new Graph(fn.name))
  model.opsets.set('', 20)
  const inputs = fn.sample.inputs.map((type, i) => type && model.graph.addInput(new Value(`in${i}`, type)))
  bindInputDims(model)
  const b = new Builder(model, model.graph, table)
  const markers = Object.fromEntries(
    Object.entries(fn.attributes ?? {}).map(([name, type]) => [name, type === 'float' ? float(MARK) : MARK]),
  )
  const op = fn.op.slice(DOMAIN.length + 2)
  const options = { domain: DOMAIN, outputs: fn.outputs }
  model.graph.setOutputs(b.emitAll(op, inputs, { ...fn.sample.attributes, ...markers }, options))
  lowerModel(model, table)
  simplifyModel(model, table)
  return asFunction(fn.name, model, fn.attributes ?? {})
}

/** Stands for an attribute's value while a body is made: a number that nothing else is, exact in float32. */
export const MARK = 8191515

/**
 * A model as a function, constants equal to the mark as references to its attribute.
 * @throws Error where the body does not say an attribute
 */
export function asFunction(
  name: string,
  model: Model,
  attributes: Readonly<Record<string, 'float' | 'int'>>,
): FunctionDef {
  const [entry, ...more] = Object.entries(attributes)
  if (more.length > 0) throw new Error(`internal error: ${name} has several attributes, one mark`)
  if (entry && refer(model, ...entry) === 0)
    throw new Error(`internal error: the body of ${name} does not say ${entry[0]}`)
  // dimensions of one function's values are no other's
  for (const graph of allGraphs(model.graph))
    for (const value of [...graph.initializers, ...[...graph.nodes].flatMap((n) => n.outputs)])
      value.described = false
  return {
    domain: DOMAIN,
    name,
    attributes: Object.keys(attributes),
    opsets: new Map(model.opsets),
    body: model.graph,
  }
}

/** Replaces what holds the mark; how often. */
function refer(model: Model, attribute: string, type: 'float' | 'int'): number {
  let count = 0
  for (const graph of allGraphs(model.graph)) {
    for (const node of graph.nodes)
      for (const [name, a] of node.attributes) {
        if (a.type !== type || a.value !== MARK) continue
        node.attributes.set(name, reference(name, attribute, type))
        count++
      }
    for (const value of [...graph.initializers]) {
      if (value.data!.size !== 1 || [...value.data!.numbers()][0] !== MARK) continue
      const name = type === 'float' ? 'value_float' : 'value_int'
      const node = new Node(
        'Constant',
        [],
        [new Value(attribute, value.type)],
        [[name, reference(name, attribute, type)]],
      )
      graph.addNode(node)
      value.replaceAllUsesWith(reshaped(node.output(), value.data!, graph))
      graph.removeInitializer(value)
      count++
    }
  }
  return count
}

/** `Constant` makes scalars. */
function reshaped(scalar: Value, like: Tensor, graph: Graph): Value {
  if (like.shape.length === 0) return scalar
  const shape = graph.addInitializer('shape', Tensor.of('int64', [like.shape.length], [...like.shape]))
  return graph.addNode(new Node('Reshape', [scalar, shape], [new Value(scalar.name)])).output()
}

/** An attribute of a function's node that takes the value of the function's own. */
function reference(name: string, attribute: string, type: 'float' | 'int'): Attribute {
  return { type: 'raw', value: { name, refAttrName: attribute, type: type === 'float' ? 1 : 2 } }
}
