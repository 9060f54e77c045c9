/** Messages as text, laid out for people. */
import { ExternalFiles } from '../onnx/external.js'
import {
  AttributeType as T,
  DataLocation,
  type AttributeProto,
  type Entry,
  type FunctionProto,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type OperatorSetId,
  type TensorProto,
  type TypeProto,
  type ValueInfo,
} from '../onnx/messages.js'
import { tensorFromProto, tensorStrings } from '../onnx/tensor-data.js'
import { elementTexts, floatText, PRIMITIVES } from './literals.js'

export interface PrintOptions {
  /** Tensors with more elements than this are printed as `...`, which cannot be parsed. Default 8. */
  limit?: number
  /** Types of nodes' outputs as trailing comments. Default true. */
  types?: boolean
  /** Node names as labels: `["name"] y = Op (x)`. Default true. */
  labels?: boolean
}

/** Enough for shapes and axes. */
export const DEFAULT_LIMIT = 8

const INDENT = '  '
/** Longer parameter lists are written one item a line. */
const LINE = 110

/** A string as the syntax quotes it: a backslash before quotes and backslashes, line breaks as they are. */
function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}

const IDENTIFIER = /^[A-Za-z_]\w*$/

function name(text: string | undefined): string {
  return text !== undefined && IDENTIFIER.test(text) ? text : quoted(text ?? '')
}

/** Prints messages of a model. */
export class Printer {
  private readonly limit: number
  private readonly types: boolean
  private readonly labels: boolean

  constructor(options: PrintOptions) {
    this.limit = options.limit ?? DEFAULT_LIMIT
    this.types = options.types ?? true
    this.labels = options.labels ?? true
  }

  model(proto: ModelProto): string {
    const data = otherData({
      ir_version: String(proto.irVersion),
      opset_import: opsets(proto.opsetImport),
      producer_name: proto.producerName && quoted(proto.producerName),
      producer_version: proto.producerVersion && quoted(proto.producerVersion),
      domain: proto.domain && quoted(proto.domain),
      model_version: proto.modelVersion === undefined ? undefined : String(proto.modelVersion),
      doc_string: proto.docString && quoted(proto.docString),
      metadata_props: proto.metadataProps?.length ? pairs(proto.metadataProps) : undefined,
    })
    const functions = (proto.functions ?? []).map((fn) => this.function(fn))
    return [data, this.graph(proto.graph!, ''), ...functions].join('\n') + '\n'
  }

  graph(proto: GraphProto, indent: string): string {
    const head = name(proto.name || 'graph')
    const inputs = list('(', (proto.input ?? []).map(valueInfo), ')', indent, head)
    const outputs = list('(', (proto.output ?? []).map(valueInfo), ')', indent, `${head} ${inputs} =>`)
    const signature = `${head} ${inputs} => ${outputs}`
    const initializers = (proto.initializer ?? []).map((t) => this.initializer(t))
    const data = initializers.length > 0 ? ` ${list('<', initializers, '>', indent, signature)}` : ''
    const body = this.nodes(proto.node ?? [], typeTexts(proto), indent)
    return `${signature}${data} {\n${body}${indent}}`
  }

  private function(fn: FunctionProto): string {
    const data = otherData({
      domain: quoted(fn.domain ?? ''),
      overload: fn.overload && quoted(fn.overload),
      opset_import: opsets(fn.opsetImport),
      doc_string: fn.docString && quoted(fn.docString),
    })
    const attributes = [
      ...(fn.attribute ?? []),
      ...(fn.attributeProto ?? []).map((a) => this.attribute(a, '')),
    ]
    const attributeList = attributes.length > 0 ? ` <${attributes.join(', ')}>` : ''
    const inputs = list('(', (fn.input ?? []).map(name), ')', '')
    const outputs = list('(', (fn.output ?? []).map(name), ')', '')
    const body = this.nodes(fn.node ?? [], typeTexts({ valueInfo: fn.valueInfo ?? [] }), '')
    return `${data}\n${name(fn.name)}${attributeList} ${inputs} => ${outputs} {\n${body}}`
  }

  private nodes(nodes: readonly NodeProto[], types: ReadonlyMap<string, string>, indent: string): string {
    return nodes.map((n) => this.node(n, types, indent + INDENT) + '\n').join('')
  }

  private node(node: NodeProto, types: ReadonlyMap<string, string>, indent: string): string {
    const label = this.labels && node.name ? `[${name(node.name)}] ` : ''
    const domain = node.domain ? `${node.domain.split('.').map(name).join('.')}.` : ''
    const op = `${domain}${name(node.opType)}${node.overload ? `:${node.overload}` : ''}`
    const attributes = [...(node.attribute ?? [])]
    const plain = attributes.filter((a) => !isNested(a)).map((a) => this.attribute(a, indent))
    const nested = attributes.filter(isNested).map((a) => this.attribute(a, indent + INDENT))
    const inputs = `(${(node.input ?? []).map(name).join(', ')})`
    const call = this.call(inputs, plain, nested, indent)
    return `${indent}${label}${(node.output ?? []).map(name).join(', ')} = ${op} ${call}${this.comment(node, types)}`
  }

  /** The syntax has one list of attributes, before or after the operands; graphs read better after. */
  private call(inputs: string, plain: readonly string[], nested: readonly string[], indent: string): string {
    if (nested.length === 0) return plain.length === 0 ? inputs : `<${plain.join(', ')}> ${inputs}`
    const lines = [...plain, ...nested].map((a) => `${indent}${INDENT}${a}`)
    return `${inputs} <\n${lines.join(',\n')}\n${indent}>`
  }

  private comment(node: NodeProto, types: ReadonlyMap<string, string>): string {
    const known = (node.output ?? []).map((o) => types.get(o) ?? '?')
    return this.types && known.some((t) => t !== '?') ? `  # ${known.join(', ')}` : ''
  }

  private attribute(a: AttributeProto, indent: string): string {
    const key = name(a.name)
    const typed = (type: string, text: string): string => `${key}: ${type} = ${text}`
    if (a.refAttrName) return typed(TYPE_NAMES[a.type ?? 0] ?? 'undefined', `@${a.refAttrName}`)
    const scalar = this.scalar(a, indent)
    if (scalar !== undefined)
      return /^-?(inf|nan)$/.test(scalar) ? typed('float', scalar) : `${key} = ${scalar}`
    const items = this.items(a, indent)
    const type = TYPE_NAMES[a.type ?? 0] ?? 'undefined'
    if (items === undefined) return typed(type, a.type === T.TYPE_PROTO ? typeText(a.tp) : '...')
    const plain = items.length > 0 && items.every((t) => !/^-?(inf|nan)$/.test(t))
    return plain ? `${key} = [${items.join(', ')}]` : typed(type, `[${items.join(', ')}]`)
  }

  private scalar(a: AttributeProto, indent: string): string | undefined {
    switch (a.type) {
      case T.FLOAT:
        return floatText(a.f ?? 0)
      case T.INT:
        return String(a.i ?? 0)
      case T.STRING:
        return quoted(utf8(a.s))
      case T.TENSOR:
        return this.tensor(a.t ?? {})
      case T.GRAPH:
        return this.graph(a.g ?? {}, indent)
      default:
        return undefined
    }
  }

  private items(a: AttributeProto, indent: string): string[] | undefined {
    switch (a.type) {
      case T.FLOATS:
        return (a.floats ?? []).map(floatText)
      case T.INTS:
        return (a.ints ?? []).map(String)
      case T.STRINGS:
        return (a.strings ?? []).map((s) => quoted(utf8(s)))
      case T.TENSORS:
        return (a.tensors ?? []).map((t) => this.tensor(t))
      case T.GRAPHS:
        return (a.graphs ?? []).map((g) => this.graph(g, indent))
      default:
        return undefined
    }
  }

  private tensor(proto: TensorProto): string {
    return `${tensorTypeText(proto)}${proto.name ? ` ${name(proto.name)}` : ''} {${this.elements(proto)}}`
  }

  private initializer(proto: TensorProto): string {
    return `${tensorTypeText(proto)} ${name(proto.name)} = {${this.elements(proto)}}`
  }

  private elements(proto: TensorProto): string {
    const size = (proto.dims ?? []).reduce<number>((n, d) => n * Number(d), 1)
    if (size > this.limit || proto.dataLocation === DataLocation.EXTERNAL) return '...'
    const tensor = tensorFromProto(proto, new ExternalFiles(undefined))
    if (tensor.dtype === 'other') return '...'
    if (tensor.dtype === 'string') return tensorStrings(tensor).map(quoted).join(', ')
    return elementTexts(tensor).join(', ')
  }
}

const TYPE_NAMES: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(T).map(([key, n]) => [n, key.toLowerCase()]),
)

function isNested(a: AttributeProto): boolean {
  return !a.refAttrName && (a.type === T.GRAPH || a.type === T.GRAPHS)
}

function utf8(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString('utf8')
}

function otherData(data: Readonly<Record<string, string | undefined>>): string {
  const lines = Object.entries(data).filter(([, text]) => text)
  return `<\n${lines.map(([key, text]) => `${INDENT}${key}: ${text}`).join(',\n')}\n>`
}

function opsets(imports: readonly OperatorSetId[] | undefined): string {
  return `[${(imports ?? []).map((o) => `${quoted(o.domain ?? '')} : ${String(o.version)}`).join(', ')}]`
}

function pairs(entries: readonly Entry[]): string {
  return `[${entries.map((e) => `${quoted(e.key ?? '')}: ${quoted(e.value ?? '')}`).join(', ')}]`
}

/** A list in brackets, one item a line where it would make the line it stands on (after `before`) too long. */
function list(open: string, items: readonly string[], close: string, indent: string, before = ''): string {
  const line = `${open}${items.join(', ')}${close}`
  const used = before.length - (before.lastIndexOf('\n') + 1)
  if (items.length === 0 || (used + line.length < LINE && !line.includes('\n'))) return line
  const inner = indent + INDENT
  return `${open}\n${items.map((i) => inner + i).join(',\n')}\n${indent}${close}`
}

function valueInfo(info: ValueInfo): string {
  return info.type ? `${typeText(info.type)} ${name(info.name)}` : name(info.name)
}

function typeTexts(graph: GraphProto): Map<string, string> {
  const infos = [...(graph.valueInfo ?? []), ...(graph.output ?? [])]
  return new Map(infos.filter((i) => i.type).map((i) => [i.name ?? '', typeText(i.type)]))
}

function tensorTypeText(proto: TensorProto): string {
  const dims = (proto.dims ?? []).join(', ')
  return `${PRIMITIVES[proto.dataType ?? 0] ?? 'undefined'}${dims && `[${dims}]`}`
}

function typeText(type: TypeProto | undefined): string {
  if (type?.tensorType) return shapedText(type.tensorType)
  if (type?.sparseTensorType) return `sparse_tensor(${shapedText(type.sparseTensorType)})`
  if (type?.sequenceType) return `seq(${typeText(type.sequenceType.elemType)})`
  if (type?.optionalType) return `optional(${typeText(type.optionalType.elemType)})`
  if (type?.mapType)
    return `map(${PRIMITIVES[type.mapType.keyType ?? 0]}, ${typeText(type.mapType.valueType)})`
  if (type?.opaqueType)
    return `opaque(${[type.opaqueType.domain, type.opaqueType.name].filter(Boolean).join(', ')})`
  return 'undefined'
}

function shapedText(tensor: NonNullable<TypeProto['tensorType']>): string {
  const element = PRIMITIVES[tensor.elemType ?? 0] ?? 'undefined'
  if (!tensor.shape) return `${element}[]`
  const dims = (tensor.shape.dim ?? []).map((d) =>
    Object.hasOwn(d, 'dimValue') ? String(d.dimValue) : d.dimParam ? name(d.dimParam) : '?',
  )
  return dims.length > 0 ? `${element}[${dims.join(', ')}]` : element
}
