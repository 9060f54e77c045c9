/** Expands calls of model-local functions. */
import { cloneGraph, cloneNode, type ValueMap } from '../../src/clone.js'
import { CompileError } from '../../src/errors.js'
import { Node, Value, type Attribute, type FunctionDef, type Graph, type Model } from '../../src/ir.js'
import { functionDefaults, overloadOf } from '../../src/onnx/index.js'
import { DOMAIN } from '../../src/ops/dropbp.js'
import { topologicalOrder, withNested } from '../../src/order.js'
import { replaceOutputOrCopy } from './replace.js'

/** Functions that a node was expanded from, outermost first. */
type Origin = readonly FunctionDef[]

/**
 * Replaces every call by the function's body, nested calls too; functions of this project's own domain stay.
 * @returns the default-domain opset that expanded nodes are written in, where a function imports one
 * @throws CompileError `recursive-function`, `functions-too-large`
 */
export function inlineFunctions(model: Model): Map<Node, number> {
  const inliner = new Inliner(model)
  if (inliner.hasWork) inliner.run(model.graph)
  const kept = model.functions.filter((f) => f.domain === DOMAIN)
  model.functions.splice(0, model.functions.length, ...kept)
  return inliner.versions
}

class Inliner {
  readonly versions = new Map<Node, number>()
  private readonly origins = new Map<Node, Origin>()
  private readonly functions: ReadonlyMap<string, FunctionDef>
  private readonly sizes = new Map<FunctionDef, number>()

  constructor(model: Model) {
    const expandable = model.functions.filter((f) => f.domain !== DOMAIN)
    this.functions = new Map(expandable.map((f) => [keyOf(f.domain, f.name, f), f]))
  }

  get hasWork(): boolean {
    return this.functions.size > 0
  }

  run(main: Graph): void {
    if (this.size(main) > EXPANDED_NODES) throw tooLarge()
    const graphs = [main]
    for (let graph = graphs.pop(); graph; graph = graphs.pop()) {
      const order = this.expandAll(graph)
      graph.nodes.clear()
      for (const node of order) {
        graph.nodes.add(node)
        for (const [, inner] of node.subgraphs) graphs.push(inner)
      }
    }
  }

  /** How many nodes a graph would expand to; functions that call themselves are found later. */
  private size(graph: Graph): number {
    let total = 0
    for (const node of [...graph.nodes].flatMap(withNested)) {
      const fn = this.functions.get(keyOf(node.domain, node.op, node))
      if (fn && !this.sizes.has(fn)) {
        this.sizes.set(fn, 0)
        this.sizes.set(fn, this.size(fn.body))
      }
      total += fn ? this.sizes.get(fn)! : 1
    }
    return total
  }

  /** The nodes of a graph, with bodies in the places of their calls. */
  private expandAll(graph: Graph): Node[] {
    const order: Node[] = []
    const pending = [...graph.nodes].reverse()
    for (let node = pending.pop(); node; node = pending.pop()) {
      const fn = this.functions.get(keyOf(node.domain, node.op, node))
      if (fn) pending.push(...this.expand(node, fn).reverse())
      else order.push(node)
    }
    return order
  }

  private expand(call: Node, fn: FunctionDef): Node[] {
    const origin = extend(this.origins.get(call) ?? [], fn)
    const version = fn.opsets.get('')
    const copies = expand(call, fn)
    for (const node of copies.flatMap(withNested)) {
      this.origins.set(node, origin)
      if (version !== undefined) this.versions.set(node, version)
    }
    return copies
  }
}

/** Functions that call others can grow exponentially. */
const EXPANDED_NODES = 1_000_000

function tooLarge(): CompileError {
  return new CompileError(
    'functions-too-large',
    `the calls of the model's functions would expand to more than ${EXPANDED_NODES} nodes; export the model without functions`,
  )
}

function keyOf(domain: string, name: string, of: Node | FunctionDef): string {
  return `${domain}::${name}::${overloadOf(of)}`
}

function extend(origin: Origin, fn: FunctionDef): Origin {
  if (origin.includes(fn)) {
    const chain = [...origin, fn].map((f) => f.name).join(' → ')
    throw new CompileError(
      'recursive-function',
      `the model's function "${fn.name}" calls itself (${chain}); export the model again`,
    )
  }
  return [...origin, fn]
}

/** Puts a function's body in the place of a call; returns the nodes put there, producers first. */
function expand(call: Node, fn: FunctionDef): Node[] {
  const graph = call.graph!
  const map: ValueMap = new Map()
  const absent = new Value('absent')
  fn.body.inputs.forEach((v, i) => map.set(v, call.inputs[i] ?? absent))
  const copies = topologicalOrder(fn.body).map((node) => cloneNode(node, map))
  const attributes = new Map([...functionDefaults(fn), ...call.attributes])
  for (const node of copies.flatMap(withNested)) bindAttributes(node, attributes)
  for (const node of copies) graph.addNode(node)
  for (const { user, index } of [...absent.uses]) if (user instanceof Node) user.setInput(index, null)
  for (const node of copies) describe(node, call)
  call.outputs.forEach((output, i) => connect(output, fn.body.outputs[i], map, graph))
  graph.removeNode(call)
  return copies
}

function connect(output: Value, result: Value | undefined, map: ValueMap, graph: Graph): void {
  if (output.uses.size > 0 && result) replaceOutputOrCopy(output, map.get(result)!, graph)
}

/** Replaces references to the function's attributes by what the call gives, or removes them where it gives nothing. */
function bindAttributes(node: Node, given: ReadonlyMap<string, Attribute>): void {
  for (const [name, attribute] of [...node.attributes]) {
    const ref = attribute.type === 'raw' && (attribute.value as { refAttrName?: string } | null)?.refAttrName
    if (!ref) continue
    const value = given.get(ref)
    if (value)
      node.attributes.set(
        name,
        value.type === 'graph' ? { type: 'graph', value: cloneGraph(value.value) } : value,
      )
    else node.attributes.delete(name)
  }
}

function describe(node: Node, call: Node): void {
  if (call.name) node.name = node.name ? `${call.name}/${node.name}` : call.name
  for (const [key, value] of call.metadata) if (!node.metadata.has(key)) node.metadata.set(key, value)
}
