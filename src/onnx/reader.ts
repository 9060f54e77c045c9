/** From ONNX messages to the IR: names become identities, int64 becomes checked numbers, weights stay views. */
import { CompileError } from '../errors.js'
import { Expr } from '../expr.js'
import { Graph, Model, Node, Value, type Attribute, type FunctionDef } from '../ir.js'
import type { Tensor } from '../tensor.js'
import type { TensorType } from '../types.js'
import { attributeFromProto } from './attributes.js'
import type { ExternalFiles } from './external.js'
import { exactInt } from './int64.js'
import { inlineExternal } from './inline.js'
import {
  keepUnknowns,
  type AttributeProto,
  type Entry,
  type FunctionProto,
  type GraphProto,
  type Message,
  type ModelProto,
  type NodeProto,
  type OperatorSetId,
  type SparseTensorProto,
  type ValueInfo,
} from './messages.js'
import { tensorFromProto } from './tensor-data.js'
import { DimReader, typeFromProto, type ValueExtra } from './types.js'

/** What a file says of a model beyond the IR, in `Model.extra`. */
export interface ModelExtra extends Message {
  domain?: string
  modelVersion?: ModelProto['modelVersion']
  docString?: string
  trainingInfo?: unknown[]
  configuration?: unknown[]
  /** The file the model was loaded from; never written over. */
  sourceFile?: string
}

/** What a file says of a graph beyond the IR, in `Graph.extra`. */
export interface GraphExtra extends Message {
  docString?: string
  quantizationAnnotation?: GraphProto['quantizationAnnotation']
  /** Sparse initializers: a value without data, and the message. */
  sparse?: { value: Value; proto: SparseTensorProto }[]
  /** Descriptions of names that nothing defines. */
  orphans?: ValueInfo[]
}

/** What a file says of a node beyond the IR, in `Node.extra`. */
export interface NodeExtra extends Message {
  docString?: string
  overload?: string
  deviceConfigurations?: unknown[]
}

/** What a file says of a function beyond the IR, in `FunctionDef.extra`. */
export interface FunctionExtra extends Message {
  docString?: string
  overload?: string
  metadataProps?: Entry[]
  /** Attributes with a default value. */
  defaults?: ReadonlyMap<string, Attribute>
}

/** The default values of a function's attributes. */
export function functionDefaults(fn: FunctionDef): ReadonlyMap<string, Attribute> {
  return (fn.extra as FunctionExtra | undefined)?.defaults ?? new Map()
}

/** The overload that a node calls or a function implements; '' where there is one only. */
export function overloadOf(of: Node | FunctionDef): string {
  return (of.extra as NodeExtra | FunctionExtra | undefined)?.overload ?? ''
}

/**
 * The model of a decoded ModelProto.
 * @throws CompileError `no-graph`, `unresolved-name`, `duplicate-name`, `int64-range`, `tensor-size`
 */
export function modelFromProto(proto: ModelProto, files: ExternalFiles): Model {
  if (!proto.graph) {
    throw new CompileError('no-graph', 'the file is an ONNX model without a graph; export it again')
  }
  const model = new Model(new GraphReader(proto.graph, files).read(null))
  model.irVersion = exactInt(proto.irVersion ?? 0, 'the IR version')
  model.producerName = proto.producerName ?? ''
  model.producerVersion = proto.producerVersion ?? ''
  readOpsets(proto.opsetImport, model.opsets)
  // Before IR version 3 a model had no opset imports and meant the first.
  if (model.opsets.size === 0) model.opsets.set('', 1)
  readEntries(proto.metadataProps, model.metadata)
  for (const fn of proto.functions ?? []) model.functions.push(readFunction(fn, files))
  model.extra = modelExtra(proto, files)
  return model
}

function modelExtra(proto: ModelProto, files: ExternalFiles): ModelExtra {
  const extra: ModelExtra = {}
  if (proto.domain) extra.domain = proto.domain
  if (Object.hasOwn(proto, 'modelVersion')) extra.modelVersion = proto.modelVersion
  if (proto.docString) extra.docString = proto.docString
  if (proto.trainingInfo?.length) extra.trainingInfo = inlineExternal(proto.trainingInfo, files)
  if (proto.configuration?.length) extra.configuration = proto.configuration
  return keepUnknowns(proto, extra)
}

function readOpsets(imports: readonly OperatorSetId[] | undefined, opsets: Map<string, number>): void {
  for (const { domain, version } of imports ?? []) {
    opsets.set(plainDomain(domain), exactInt(version ?? 0, `the opset version of domain "${domain}"`))
  }
}

/** `ai.onnx` is another name of the default domain. */
function plainDomain(domain: string | undefined): string {
  return domain === 'ai.onnx' ? '' : (domain ?? '')
}

function readEntries(entries: readonly Entry[] | undefined, map: Map<string, string>): void {
  for (const { key, value } of entries ?? []) map.set(key ?? '', value ?? '')
}

function readFunction(proto: FunctionProto, files: ExternalFiles): FunctionDef {
  const opsets = new Map<string, number>()
  readOpsets(proto.opsetImport, opsets)
  const asGraph: GraphProto = {
    name: proto.name ?? '',
    node: proto.node ?? [],
    input: (proto.input ?? []).map((name) => ({ name })),
    output: (proto.output ?? []).map((name) => ({ name })),
    valueInfo: proto.valueInfo ?? [],
  }
  const reader = new GraphReader(asGraph, files)
  return {
    domain: plainDomain(proto.domain),
    name: proto.name ?? '',
    attributes: [...(proto.attribute ?? [])],
    opsets,
    body: reader.read(null),
    extra: functionExtra(proto, reader),
  }
}

function functionExtra(proto: FunctionProto, reader: GraphReader): FunctionExtra {
  const extra: FunctionExtra = {}
  if (proto.docString) extra.docString = proto.docString
  if (proto.overload) extra.overload = proto.overload
  if (proto.metadataProps?.length) extra.metadataProps = proto.metadataProps
  if (proto.attributeProto?.length) {
    extra.defaults = new Map(proto.attributeProto.map((a) => [a.name ?? '', reader.attribute(a)]))
  }
  return keepUnknowns(proto, extra)
}

/** Reads one graph; graphs in its attributes see its names through `outer`. */
class GraphReader {
  private readonly names = new Map<string, Value>()
  private readonly graph: Graph
  private readonly dims: DimReader

  constructor(
    private readonly proto: GraphProto,
    private readonly files: ExternalFiles,
    private readonly outer?: GraphReader,
  ) {
    this.graph = new Graph(proto.name ?? '')
    this.dims = outer?.dims ?? new DimReader(proto)
  }

  read(owner: Node | null): Graph {
    const { graph, proto } = this
    graph.owner = owner
    this.declare()
    const nodes = (proto.node ?? []).map((n) => ({
      proto: n,
      outputs: (n.output ?? []).map((name) => this.output(name)),
    }))
    const orphans = this.describeValues()
    for (const n of nodes) graph.addNode(this.node(n.proto, n.outputs))
    graph.setOutputs((proto.output ?? []).map((o) => this.result(o)))
    readEntries(proto.metadataProps, graph.metadata)
    this.keepExtra(orphans)
    return graph
  }

  attribute(proto: AttributeProto): Attribute {
    return attributeFromProto(proto, {
      tensor: (t) => tensorFromProto(t, this.files),
      graph: (g) => new GraphReader(g, this.files, this).read(null),
      keep: (a) => inlineExternal(a, this.files),
    })
  }

  /** Inputs and initializers; what is both is an initializer. */
  private declare(): void {
    for (const proto of this.proto.initializer ?? []) {
      const data = tensorFromProto(proto, this.files)
      const value = this.define(proto.name ?? '', tensorType(data))
      value.data = data
      this.graph.addInitializer(value)
    }
    const sparse = (this.proto.sparseInitializer ?? []).map((proto) => this.sparse(proto))
    if (sparse.length > 0) this.extra().sparse = sparse
    for (const info of this.proto.input ?? []) {
      const old = this.names.get(info.name ?? '')
      if (old) this.describe(old, info)
      else this.graph.addInput(this.describe(this.define(info.name ?? ''), info))
    }
  }

  private sparse(proto: SparseTensorProto): { value: Value; proto: SparseTensorProto } {
    const value = this.define(proto.values?.name ?? '', {
      dtype: tensorFromProto(proto.values ?? {}, this.files).dtype,
      shape: [...(proto.dims ?? [])].map((d) => Expr.of(exactInt(d, 'a dimension of a sparse tensor'))),
    })
    value.owner = this.graph
    return { value, proto: inlineExternal(proto, this.files) }
  }

  private define(name: string, type?: TensorType): Value {
    if (this.names.has(name)) {
      throw new CompileError(
        'duplicate-name',
        `graph "${this.graph.name}" defines "${name}" twice; export the model again`,
      )
    }
    const value = new Value(name, type)
    this.names.set(name, value)
    return value
  }

  /** A node's output; an absent optional output is an unnamed value of its own. */
  private output(name: string): Value {
    return name === '' ? new Value('') : this.define(name)
  }

  /** Gives a value the type and description of the file. */
  private describe(value: Value, info: ValueInfo): Value {
    const type = info.type && typeFromProto(info.type, value.name, this.dims)
    if (!value.data) value.type = type
    const extra: ValueExtra = { info, type }
    value.extra = extra
    return value
  }

  private describeValues(): ValueInfo[] {
    const orphans: ValueInfo[] = []
    for (const info of this.proto.valueInfo ?? []) {
      const value = this.names.get(info.name ?? '')
      if (value) this.describe(value, info)
      else orphans.push(info)
    }
    return orphans
  }

  private resolve(name: string): Value | undefined {
    let scope: GraphReader | undefined = this as GraphReader
    while (scope) {
      const value = scope.names.get(name)
      if (value) return value
      scope = scope.outer
    }
    return undefined
  }

  private node(proto: NodeProto, outputs: readonly Value[]): Node {
    const inputs = (proto.input ?? []).map((name) => (name === '' ? null : this.operand(name, proto)))
    const attributes = (proto.attribute ?? []).map((a) => [a.name ?? '', this.attribute(a)] as const)
    const node = new Node(proto.opType ?? '', inputs, outputs, attributes, plainDomain(proto.domain))
    node.name = proto.name ?? ''
    readEntries(proto.metadataProps, node.metadata)
    const extra: NodeExtra = {}
    if (proto.docString) extra.docString = proto.docString
    if (proto.overload) extra.overload = proto.overload
    if (proto.deviceConfigurations?.length) extra.deviceConfigurations = proto.deviceConfigurations
    keepUnknowns(proto, extra)
    if (Object.keys(extra).length > 0) node.extra = extra
    return node
  }

  private operand(name: string, node: NodeProto): Value {
    const value = this.resolve(name)
    if (value) return value
    throw new CompileError(
      'unresolved-name',
      `node "${node.name}" (${node.opType}) reads "${name}", which no input, initializer or node defines; export the model again`,
    )
  }

  private result(info: ValueInfo): Value {
    const value = this.resolve(info.name ?? '')
    if (!value) {
      const message = `output "${info.name}" of graph "${this.graph.name}" is not defined; export the model again`
      throw new CompileError('unresolved-name', message)
    }
    if (!value.extra && this.names.has(value.name)) this.describe(value, info)
    return value
  }

  private extra(): GraphExtra {
    return (this.graph.extra ??= {}) as GraphExtra
  }

  private keepExtra(orphans: ValueInfo[]): void {
    const { proto } = this
    if (proto.docString) this.extra().docString = proto.docString
    if (proto.quantizationAnnotation?.length)
      this.extra().quantizationAnnotation = proto.quantizationAnnotation
    if (orphans.length > 0) this.extra().orphans = orphans
    if (proto.$unknowns) keepUnknowns(proto, this.extra())
  }
}

function tensorType(data: Tensor): TensorType {
  return { dtype: data.dtype, shape: data.shape.map(Expr.of) }
}
