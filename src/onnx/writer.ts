/** From the IR to ONNX messages. */
import { IOError } from '../errors.js'
import type { FunctionDef, Graph, Model, Node, Value } from '../ir.js'
import { allGraphs, homeOf, topologicalOrder } from '../order.js'
import type { Tensor } from '../tensor.js'
import { attributeToProto, type AttributeWriter } from './attributes.js'
import { encodePieces, totalLength } from './encode.js'
import { Names } from './names.js'
import { overloadOf, type FunctionExtra, type GraphExtra, type ModelExtra, type NodeExtra } from './reader.js'
import {
  AttributeType,
  DataLocation,
  PROTOBUF_LIMIT,
  keepUnknowns,
  type AttributeProto,
  type Entry,
  type FunctionProto,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type OperatorSetId,
  type TensorProto,
  type ValueInfo,
  type TypeProto,
} from './messages.js'
import { ProtoTensor, withoutData } from './tensor-data.js'
import { typeToProto, valueExtra, valueInfoToProto } from './types.js'

export interface EncodeOptions {
  /**
   * Which intermediate values are described with their types: `kept` (default) those that the source or a pass described,
   * `all` typed ones, or `none`.
   */
  valueInfo?: 'kept' | 'all' | 'none'
}

/** Where an initializer's data goes: undefined for inside the protobuf. */
export type Placement = (tensor: Tensor) => { location: string; offset: number; length: number } | undefined

/**
 * The protobuf bytes of a model, weights included.
 * @throws IOError `too-large` from 2 GB on
 */
export function encodeModel(model: Model, options: EncodeOptions = {}): Uint8Array {
  return Buffer.concat(encodePlaced(model, options, () => undefined))
}

/** The protobuf bytes, as pieces in order, of a model whose initializers lie where `place` says. */
export function encodePlaced(model: Model, options: EncodeOptions, place: Placement): Uint8Array[] {
  const inline = initializersOf(model).filter((t) => !place(t))
  checkSize(inline.reduce((n, t) => n + t.byteLength, 0))
  const pieces = encodePieces(modelToProto(model, options, place))
  checkSize(totalLength(pieces))
  return pieces
}

function checkSize(bytes: number): void {
  if (bytes <= PROTOBUF_LIMIT) return
  const message = `the model would be a protobuf of ${bytes} bytes, and protobuf ends at 2 GB`
  throw new IOError('too-large', `${message}: save its weights as external data`)
}

/** The messages of a model. */
export function modelToProto(model: Model, options: EncodeOptions, place: Placement): ModelProto {
  return new ModelWriter(model, options, place).write()
}

/** The messages of a graph, with the names that it has in its model. */
export function graphToProto(graph: Graph, options: EncodeOptions, place: Placement): GraphProto {
  let root = graph
  while (root.owner?.graph) root = root.owner.graph
  return new GraphWriter(new Names(root), options, place).write(graph)
}

/** The distinct data of all initializers of the main graph and the graphs in it. */
export function initializersOf(model: Model): Tensor[] {
  const tensors = new Set<Tensor>()
  for (const graph of allGraphs(model.graph)) for (const value of graph.initializers) tensors.add(value.data!)
  return [...tensors]
}

/** From these versions of the IR on, initializers need not be inputs, and functions exist. */
const IR_INITIALIZERS = 4
const IR_FUNCTIONS = 8

class ModelWriter {
  constructor(
    private readonly model: Model,
    private readonly options: EncodeOptions,
    private readonly place: Placement,
  ) {}

  write(): ModelProto {
    const { model } = this
    const extra = (model.extra ?? {}) as ModelExtra
    const proto: ModelProto = {
      irVersion: Math.max(model.irVersion, model.functions.length > 0 ? IR_FUNCTIONS : IR_INITIALIZERS),
      producerName: model.producerName,
      producerVersion: model.producerVersion,
      ...(extra.domain && { domain: extra.domain }),
      ...(extra.modelVersion !== undefined && { modelVersion: extra.modelVersion }),
      ...(extra.docString && { docString: extra.docString }),
      graph: new GraphWriter(new Names(model.graph), this.options, this.place).write(model.graph),
      opsetImport: opsetImports(model.opsets, model.graph, model.functions),
      metadataProps: entries(model.metadata),
      functions: model.functions.map((fn) => this.function(fn)),
      ...(extra.trainingInfo && { trainingInfo: extra.trainingInfo }),
      ...(extra.configuration && { configuration: extra.configuration }),
    }
    return keepUnknowns(extra, proto)
  }

  private function(fn: FunctionDef): FunctionProto {
    const extra = (fn.extra ?? {}) as FunctionExtra
    const names = new Names(fn.body)
    const writer = new GraphWriter(names, this.options, () => undefined)
    const body = writer.write(fn.body)
    const proto: FunctionProto = {
      name: fn.name,
      domain: fn.domain,
      ...(extra.overload && { overload: extra.overload }),
      input: fn.body.inputs.map((v) => names.of(v)),
      output: body.output!.map((o) => o.name!),
      attribute: [...fn.attributes],
      attributeProto: [...(extra.defaults ?? [])].map(([name, a]) => attributeToProto(name, a, writer)),
      node: [...body.initializer!.map(constantNode), ...body.node!],
      ...(extra.docString && { docString: extra.docString }),
      opsetImport: opsetImports(fn.opsets, fn.body, []),
      valueInfo: body.valueInfo,
      ...(extra.metadataProps && { metadataProps: extra.metadataProps }),
    }
    return keepUnknowns(extra, proto)
  }
}

/** A function has no initializers: what is constant in it is a node. */
function constantNode(tensor: TensorProto): NodeProto {
  const value: AttributeProto = { name: 'value', type: AttributeType.TENSOR, t: tensor }
  return { opType: 'Constant', output: [tensor.name!], attribute: [value] }
}

/**
 * The imports of a model or function: what it says, and version 1 of every further domain that its nodes use. A model
 * imports what its functions do, since a runtime puts their bodies in its place.
 */
function opsetImports(
  declared: ReadonlyMap<string, number>,
  root: Graph,
  functions: readonly FunctionDef[],
): OperatorSetId[] {
  const versions = new Map(declared)
  const need = (domain: string, version = 1): void => {
    if (!versions.has(domain)) versions.set(domain, version)
  }
  const needDomains = (graph: Graph): void => {
    for (const inner of allGraphs(graph)) for (const node of inner.nodes) need(node.domain)
  }
  needDomains(root)
  for (const fn of functions) {
    need(fn.domain)
    for (const [domain, version] of fn.opsets) need(domain, version)
    needDomains(fn.body)
  }
  return [...versions].map(([domain, version]) => ({ domain, version }))
}

function entries(map: ReadonlyMap<string, string>): Entry[] {
  return [...map].map(([key, value]) => ({ key, value }))
}

/** Writes a graph and, through attributes, the graphs in it. */
class GraphWriter implements AttributeWriter {
  constructor(
    private readonly names: Names,
    private readonly options: EncodeOptions,
    private readonly place: Placement,
  ) {}

  write(graph: Graph): GraphProto {
    const extra = (graph.extra ?? {}) as GraphExtra
    const node = topologicalOrder(graph).map((n) => this.node(n))
    const output = this.results(graph, node)
    const proto: GraphProto = {
      node,
      name: graph.name,
      initializer: [...graph.initializers].map((v) => this.initializer(v)),
      ...(extra.docString && { docString: extra.docString }),
      input: graph.inputs.map((v) => valueInfoToProto(v, this.names.of(v))),
      output,
      valueInfo: [...this.described(graph), ...(extra.orphans ?? [])],
      ...(extra.quantizationAnnotation && { quantizationAnnotation: extra.quantizationAnnotation }),
      sparseInitializer: (extra.sparse ?? []).map(({ value, proto }) =>
        keepUnknowns(proto, { ...proto, values: renamed(proto.values!, this.names.of(value)) }),
      ),
      metadataProps: entries(graph.metadata),
    }
    return keepUnknowns(extra, proto)
  }

  graph(graph: Graph): GraphProto {
    return this.write(graph)
  }

  tensor(tensor: Tensor): TensorProto {
    return tensorToProto(tensor)
  }

  private node(node: Node): NodeProto {
    const extra = (node.extra ?? {}) as NodeExtra
    const overload = overloadOf(node)
    const proto: NodeProto = {
      input: node.inputs.map((v) => (v ? this.names.of(v) : '')),
      output: node.outputs.map((v) => this.names.of(v)),
      name: this.names.ofNode(node),
      opType: node.op,
      ...(node.domain && { domain: node.domain }),
      ...(overload && { overload }),
      attribute: [...node.attributes].map(([name, a]): AttributeProto => attributeToProto(name, a, this)),
      ...(extra.docString && { docString: extra.docString }),
      metadataProps: entries(node.metadata),
      ...(extra.deviceConfigurations && { deviceConfigurations: extra.deviceConfigurations }),
    }
    return keepUnknowns(extra, proto)
  }

  /**
   * A graph's outputs. ONNX wants distinct names, and values of this graph: a repeated result and, in a nested graph, a
   * captured one go through an Identity that exists in the file only.
   */
  private results(graph: Graph, nodes: NodeProto[]): ValueInfo[] {
    const seen = new Set<Value>()
    return graph.outputs.map((value) => {
      const isOwn = homeOf(value) === graph
      let name = this.names.of(value)
      if (!isOwn || seen.has(value)) {
        const input = name
        name = this.names.fresh(name)
        nodes.push({ opType: 'Identity', input: [input], output: [name] })
      }
      seen.add(value)
      const isMain = graph.owner === null
      if (isMain || (isOwn && valueExtra(value))) return valueInfoToProto(value, name)
      const type = nestedResultType(value, graph)
      return type ? { name, type } : { name }
    })
  }

  private initializer(value: Value): TensorProto {
    const name = this.names.of(value)
    const span = this.place(value.data!)
    if (!span) return renamed(tensorToProto(value.data!), name)
    const external = { location: span.location, offset: String(span.offset), length: String(span.length) }
    const externalData = Object.entries(external).map(([key, text]) => ({ key, value: text }))
    const proto = withoutData(value.data!)
    proto.externalData = externalData
    proto.dataLocation = DataLocation.EXTERNAL
    return renamed(proto, name)
  }

  private described(graph: Graph): ValueInfo[] {
    const { valueInfo = 'kept' } = this.options
    if (valueInfo === 'none') return []
    const results = new Set(graph.outputs)
    const values = [...graph.initializers, ...[...graph.nodes].flatMap((n) => n.outputs)]
    const wanted = (v: Value): boolean =>
      v.described || !!valueExtra(v) || (valueInfo === 'all' && !v.data && !!v.type)
    return values
      .filter((v) => this.names.of(v) !== '' && !results.has(v) && wanted(v))
      .map((v) => valueInfoToProto(v, this.names.of(v)))
      .filter((info) => info.type)
  }
}

/**
 * What is said of a nested graph's result. Branches may differ in shape, but without an element type onnx.checker takes
 * theirs to differ in type; of a Scan, ONNX Runtime has to be told how many axes results have.
 */
function nestedResultType({ type }: Value, graph: Graph): TypeProto | undefined {
  const written = typeToProto(type && { dtype: type.dtype, ...(graph.owner?.op === 'Scan' && type) })
  const dims = written?.tensorType?.shape?.dim
  for (const dim of dims ?? []) delete dim.dimParam
  return written
}

function renamed(proto: TensorProto, name: string): TensorProto {
  return keepUnknowns(proto, { ...proto, name })
}

/** The proto of a tensor, data inside; what a file said of it is kept. */
function tensorToProto(tensor: Tensor): TensorProto {
  if (tensor instanceof ProtoTensor && !tensor.span) return tensor.proto
  const proto = withoutData(tensor)
  proto.rawData = tensor.bytes()
  return proto
}
