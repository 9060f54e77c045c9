/** Attributes, between AttributeProto and the IR. */
import type { Attribute, Graph } from '../ir.js'
import type { Tensor } from '../tensor.js'
import { saturatingInt, toInt64 } from './int64.js'
import {
  AttributeType as T,
  keepUnknowns,
  type AttributeProto,
  type GraphProto,
  type TensorProto,
} from './messages.js'

/** How nested messages of an attribute are read. */
export interface AttributeReader {
  tensor(proto: TensorProto): Tensor
  graph(proto: GraphProto): Graph
  /** Makes a kept message independent of where the file lies. */
  keep(proto: AttributeProto): AttributeProto
}

/** How nested messages of an attribute are written. */
export interface AttributeWriter {
  tensor(tensor: Tensor): TensorProto
  graph(graph: Graph): GraphProto
}

/** An attribute with the message it was read from, where that says more than the value does. */
type SourcedAttribute = Attribute & { readonly source?: AttributeProto }

/** The IR's attribute for a proto; kinds that no pass looks into stay `raw`. */
export function attributeFromProto(proto: AttributeProto, reader: AttributeReader): Attribute {
  const attribute = readValue(proto, reader)
  if (!attribute) return { type: 'raw', value: reader.keep(proto) }
  if (!saysMore(proto)) return attribute
  return { ...attribute, source: proto } as SourcedAttribute
}

function saysMore(proto: AttributeProto): boolean {
  return (
    !!proto.docString ||
    !!proto.$unknowns ||
    [proto.i ?? 0, ...(proto.ints ?? [])].some((i) => !exact(i as never))
  )
}

function exact(i: NonNullable<AttributeProto['i']>): boolean {
  return Number.isSafeInteger(typeof i === 'number' ? i : i.toNumber())
}

function readValue(proto: AttributeProto, reader: AttributeReader): Attribute | undefined {
  if (proto.refAttrName) return undefined
  switch (proto.type || guessType(proto)) {
    case T.FLOAT:
      return { type: 'float', value: proto.f ?? 0 }
    case T.INT:
      return { type: 'int', value: saturatingInt(proto.i ?? 0) }
    case T.STRING:
      return textAttribute(proto.s ?? new Uint8Array())
    case T.TENSOR:
      return { type: 'tensor', value: reader.tensor(proto.t ?? {}) }
    case T.GRAPH:
      return { type: 'graph', value: reader.graph(proto.g ?? {}) }
    case T.FLOATS:
      return { type: 'floats', value: [...(proto.floats ?? [])] }
    case T.INTS:
      return { type: 'ints', value: (proto.ints ?? []).map(saturatingInt) }
    case T.STRINGS:
      return textsAttribute(proto.strings ?? [])
    default:
      return undefined
  }
}

/** Before IR version 2 an attribute had no type: the field that is set tells it. */
function guessType(proto: AttributeProto): number {
  const fields = {
    f: T.FLOAT,
    i: T.INT,
    s: T.STRING,
    t: T.TENSOR,
    g: T.GRAPH,
    floats: T.FLOATS,
    ints: T.INTS,
    strings: T.STRINGS,
  }
  for (const [field, type] of Object.entries(fields)) {
    const value = Object.hasOwn(proto, field) ? proto[field as keyof AttributeProto] : undefined
    if (value !== undefined && !(Array.isArray(value) && value.length === 0)) return type
  }
  return T.UNDEFINED
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Text, or undefined for bytes that are none. */
function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}

function textAttribute(bytes: Uint8Array): Attribute | undefined {
  const value = decodeText(bytes)
  return value === undefined ? undefined : { type: 'string', value }
}

function textsAttribute(strings: readonly Uint8Array[]): Attribute | undefined {
  const value = strings.map(decodeText)
  return value.includes(undefined) ? undefined : { type: 'strings', value: value as string[] }
}

/** The proto of an attribute. */
export function attributeToProto(
  name: string,
  attribute: Attribute,
  writer: AttributeWriter,
): AttributeProto {
  if (attribute.type === 'raw') {
    const kept = attribute.value as AttributeProto
    return keepUnknowns(kept, { ...kept, name })
  }
  const { source } = attribute as SourcedAttribute
  const proto: AttributeProto = { name, ...writeValue(attribute, writer) }
  if (!source) return proto
  if (source.docString) proto.docString = source.docString
  if (attribute.type === 'int') proto.i = source.i
  if (attribute.type === 'ints') proto.ints = source.ints
  return keepUnknowns(source, proto)
}

function writeValue(attribute: Exclude<Attribute, { type: 'raw' }>, writer: AttributeWriter): AttributeProto {
  switch (attribute.type) {
    case 'float':
      return { type: T.FLOAT, f: attribute.value }
    case 'int':
      return { type: T.INT, i: toInt64(attribute.value) }
    case 'string':
      return { type: T.STRING, s: Buffer.from(attribute.value, 'utf8') }
    case 'tensor':
      return { type: T.TENSOR, t: writer.tensor(attribute.value) }
    case 'graph':
      return { type: T.GRAPH, g: writer.graph(attribute.value) }
    case 'floats':
      return { type: T.FLOATS, floats: [...attribute.value] }
    case 'ints':
      return { type: T.INTS, ints: attribute.value.map(toInt64) }
    case 'strings':
      return { type: T.STRINGS, strings: attribute.value.map((s) => Buffer.from(s, 'utf8')) }
  }
}
