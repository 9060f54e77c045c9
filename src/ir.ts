/**
 * The intermediate representation: values, nodes, graphs, models. Identity is the object, never the name; use lists are
 * kept right by the setters here and count graph results and captures from nested graphs.
 */
import type { Expr } from './expr.js'
import { Tensor } from './tensor.js'
import type { TensorType } from './types.js'

/** One place that reads a value: operand `index` of a node, or result `index` of a graph. */
export interface Use {
  readonly user: Node | Graph
  readonly index: number
}

/** A tensor in flight: a graph input, an initializer (`data`), or a node's output. */
export class Value {
  /** The node that computes this value; null for graph inputs and initializers. */
  producer: Node | null = null
  /** The graph that declares this value as an input or initializer; null for node outputs. */
  owner: Graph | null = null
  readonly uses: Set<Use> = new Set()
  /** Initializer data. */
  data: Tensor | undefined
  /** Elements of a small integer tensor where they are known symbolically, row-major. */
  known: readonly Expr[] | undefined
  /** Written with its type: runtimes compute in place only where they know dimensions to be equal. Never empty, then. */
  described = false
  /** What the file says beyond name and type; written back as it was. */
  extra: unknown

  constructor(
    public name: string,
    public type?: TensorType,
  ) {}

  get isInitializer(): boolean {
    return this.data !== undefined
  }

  /** The nodes that read this value, each once. */
  get users(): Node[] {
    const nodes = new Set<Node>()
    for (const use of this.uses) if (use.user instanceof Node) nodes.add(use.user)
    return [...nodes]
  }

  /** Makes every reader of this value read `other`. */
  replaceAllUsesWith(other: Value): void {
    if (other === this) return
    for (const use of [...this.uses]) {
      if (use.user instanceof Node) use.user.setInput(use.index, other)
      else use.user.setOutput(use.index, other)
    }
  }
}

/** An attribute of a node. */
export type Attribute =
  | { readonly type: 'int'; readonly value: number }
  | { readonly type: 'float'; readonly value: number }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'tensor'; readonly value: Tensor }
  | { readonly type: 'graph'; readonly value: Graph }
  | { readonly type: 'ints'; readonly value: readonly number[] }
  | { readonly type: 'floats'; readonly value: readonly number[] }
  | { readonly type: 'strings'; readonly value: readonly string[] }
  /** A kind that no pass looks into (sparse tensors, type protos, several graphs), or a function's `ref_attr_name`. */
  | { readonly type: 'raw'; readonly value: unknown }

/** Operands of a node or results of a graph, with their use records. */
class Operands {
  readonly values: (Value | null)[] = []
  private readonly records: Use[] = []

  constructor(private readonly user: Node | Graph) {}

  set(index: number, value: Value | null): void {
    while (this.values.length <= index) {
      this.records.push({ user: this.user, index: this.values.length })
      this.values.push(null)
    }
    const record = this.records[index]!
    this.values[index]?.uses.delete(record)
    this.values[index] = value
    value?.uses.add(record)
  }

  resize(length: number): void {
    for (let i = length; i < this.values.length; i++) this.set(i, null)
    this.values.length = Math.min(length, this.values.length)
    this.records.length = this.values.length
  }
}

/** An operator applied to operands; an absent optional operand is null. */
export class Node {
  readonly outputs: Value[]
  readonly attributes: Map<string, Attribute>
  /** `metadata_props` of the file: exporters keep module scopes here. */
  readonly metadata: Map<string, string> = new Map()
  graph: Graph | null = null
  name = ''
  /** What the file says beyond the above; written back as it was. */
  extra: unknown
  private readonly operands = new Operands(this)

  constructor(
    readonly op: string,
    inputs: readonly (Value | null)[],
    outputs: readonly Value[],
    attributes: Iterable<readonly [string, Attribute]> = [],
    readonly domain = '',
  ) {
    this.outputs = [...outputs]
    for (const output of outputs) output.producer = this
    this.attributes = new Map(attributes)
    inputs.forEach((v, i) => this.operands.set(i, v))
  }

  get inputs(): readonly (Value | null)[] {
    return this.operands.values
  }

  /** Domain-qualified operator, `com.microsoft::FusedMatMul`; plain for the default domain. */
  get qualifiedOp(): string {
    return this.domain ? `${this.domain}::${this.op}` : this.op
  }

  /** Input `index`; throws where it is absent. */
  input(index: number): Value {
    const value = this.inputs[index]
    if (!value) throw new Error(`${this.op} "${this.name}" has no input ${index}`)
    return value
  }

  output(index = 0): Value {
    const value = this.outputs[index]
    if (!value) throw new Error(`${this.op} "${this.name}" has no output ${index}`)
    return value
  }

  setInput(index: number, value: Value | null): void {
    this.operands.set(index, value)
  }

  setInputs(values: readonly (Value | null)[]): void {
    this.operands.resize(values.length)
    values.forEach((v, i) => this.operands.set(i, v))
  }

  addOutput(value: Value): Value {
    value.producer = this
    this.outputs.push(value)
    return value
  }

  /** Nested graphs of control-flow operators, with their attribute names. */
  get subgraphs(): [string, Graph][] {
    const graphs: [string, Graph][] = []
    for (const [name, a] of this.attributes) if (a.type === 'graph') graphs.push([name, a.value])
    return graphs
  }

  int(name: string, fallback: number): number {
    const a = this.attributes.get(name)
    return a?.type === 'int' ? a.value : fallback
  }

  float(name: string, fallback: number): number {
    const a = this.attributes.get(name)
    return a?.type === 'float' || a?.type === 'int' ? a.value : fallback
  }

  string(name: string, fallback: string): string {
    const a = this.attributes.get(name)
    return a?.type === 'string' ? a.value : fallback
  }

  ints(name: string): readonly number[] | undefined {
    const a = this.attributes.get(name)
    return a?.type === 'ints' ? a.value : undefined
  }
}

/** A graph: inputs, initializers, nodes (in no particular order; see order.ts) and results. */
export class Graph {
  readonly inputs: Value[] = []
  readonly initializers: Set<Value> = new Set()
  readonly nodes: Set<Node> = new Set()
  /** `metadata_props` of the file. */
  readonly metadata: Map<string, string> = new Map()
  extra: unknown
  /** The control-flow node that holds this graph; null for a model's main graph. */
  owner: Node | null = null
  private readonly results = new Operands(this)

  constructor(public name = 'graph') {}

  get outputs(): readonly Value[] {
    return this.results.values as Value[]
  }

  addInput(value: Value): Value {
    value.owner = this
    this.inputs.push(value)
    return value
  }

  removeInput(value: Value): void {
    const at = this.inputs.indexOf(value)
    if (at < 0 || value.uses.size > 0)
      throw new Error(`cannot remove input "${value.name}": it is ${at < 0 ? 'not here' : 'in use'}`)
    this.inputs.splice(at, 1)
    value.owner = null
  }

  /** Declares `value` an initializer with this data. */
  addInitializer(name: string, data: Tensor): Value
  addInitializer(value: Value): Value
  addInitializer(nameOrValue: string | Value, data?: Tensor): Value {
    const value = typeof nameOrValue === 'string' ? new Value(nameOrValue) : nameOrValue
    if (data) value.data = data
    value.owner = this
    this.initializers.add(value)
    return value
  }

  removeInitializer(value: Value): void {
    if (value.uses.size > 0) throw new Error(`cannot remove initializer "${value.name}": it is in use`)
    this.initializers.delete(value)
    value.owner = null
  }

  addNode<N extends Node>(node: N): N {
    node.graph = this
    for (const [, graph] of node.subgraphs) graph.owner = node
    this.nodes.add(node)
    return node
  }

  /** Removes a node nobody reads, and releases its operands. */
  removeNode(node: Node): void {
    if (node.outputs.some((o) => o.uses.size > 0))
      throw new Error(`cannot remove ${node.op} "${node.name}": an output is in use`)
    this.detachNode(node)
    node.setInputs([])
    for (const [, graph] of node.subgraphs) graph.releaseAll()
  }

  /** Takes a node out without touching its operands, to add it to another graph. */
  detachNode(node: Node): void {
    this.nodes.delete(node)
    node.graph = null
  }

  setOutput(index: number, value: Value): void {
    this.results.set(index, value)
  }

  setOutputs(values: readonly Value[]): void {
    this.results.resize(values.length)
    values.forEach((v, i) => this.results.set(i, v))
  }

  /** Drops every use this graph makes of values, for a graph that is thrown away. */
  private releaseAll(): void {
    this.setOutputs([])
    for (const node of this.nodes) {
      node.setInputs([])
      for (const [, graph] of node.subgraphs) graph.releaseAll()
    }
  }
}

/** A model-local function. */
export interface FunctionDef {
  readonly domain: string
  readonly name: string
  /** Names of its attributes; a body node refers to one by a `raw` attribute with `refAttrName`. */
  readonly attributes: readonly string[]
  readonly opsets: ReadonlyMap<string, number>
  /** Inputs and results are untyped. */
  readonly body: Graph
  extra?: unknown
}

/** A model: a main graph, the opsets it is written in, and its functions. */
export class Model {
  irVersion = 10
  producerName = 'dropbp'
  producerVersion = ''
  /** Domain → version; the default domain is ''. */
  readonly opsets: Map<string, number> = new Map()
  readonly functions: FunctionDef[] = []
  readonly metadata: Map<string, string> = new Map()
  extra: unknown
  /** Where an unresolvable dimension symbol can be read at run time: axis `axis` of `value`. */
  readonly dimSources: Map<string, { value: Value; axis: number }> = new Map()

  constructor(public graph: Graph = new Graph()) {}

  get opset(): number {
    return this.opsets.get('') ?? 0
  }
}
