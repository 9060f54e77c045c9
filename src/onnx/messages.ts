/** The messages of the wire schema as TypeScript sees them, and the enumerators of their fields. */
import type Long from 'long'

/** `AttributeProto.AttributeType`. */
export const AttributeType = {
  UNDEFINED: 0,
  FLOAT: 1,
  INT: 2,
  STRING: 3,
  TENSOR: 4,
  GRAPH: 5,
  FLOATS: 6,
  INTS: 7,
  STRINGS: 8,
  TENSORS: 9,
  GRAPHS: 10,
  SPARSE_TENSOR: 11,
  SPARSE_TENSORS: 12,
  TYPE_PROTO: 13,
  TYPE_PROTOS: 14,
} as const

/** `TensorProto.DataLocation`. */
export const DataLocation = { DEFAULT: 0, EXTERNAL: 1 } as const

/** Protobuf's limit of bytes, from which on readers refuse a message. */
export const PROTOBUF_LIMIT = 2 ** 31 - 1

/** What every decoded message may carry: raw bytes (tag included) of fields that the schema does not list. */
export interface Message {
  $unknowns?: Uint8Array[]
}

/** An int64 as protobufjs hands it over. */
export type Int64 = number | Long

export interface Entry extends Message {
  key?: string
  value?: string
}

export interface OperatorSetId extends Message {
  domain?: string
  version?: Int64
}

export interface DimensionProto extends Message {
  dimValue?: Int64
  dimParam?: string
  denotation?: string
}

export interface TensorTypeProto extends Message {
  elemType?: number
  shape?: { dim?: DimensionProto[] } & Message
}

export interface TypeProto extends Message {
  tensorType?: TensorTypeProto
  sequenceType?: { elemType?: TypeProto }
  mapType?: { keyType?: number; valueType?: TypeProto }
  opaqueType?: { domain?: string; name?: string }
  sparseTensorType?: TensorTypeProto
  optionalType?: { elemType?: TypeProto }
  denotation?: string
}

export interface ValueInfo extends Message {
  name?: string
  type?: TypeProto
  docString?: string
  metadataProps?: Entry[]
}

export interface TensorProto extends Message {
  dims?: Int64[]
  dataType?: number
  segment?: unknown
  floatData?: Uint8Array[]
  int32Data?: Uint8Array[]
  stringData?: Uint8Array[]
  int64Data?: Uint8Array[]
  name?: string
  rawData?: Uint8Array
  doubleData?: Uint8Array[]
  uint64Data?: Uint8Array[]
  docString?: string
  externalData?: Entry[]
  dataLocation?: number
  metadataProps?: Entry[]
}

export interface SparseTensorProto extends Message {
  values?: TensorProto
  indices?: TensorProto
  dims?: Int64[]
}

export interface AttributeProto extends Message {
  name?: string
  refAttrName?: string
  docString?: string
  type?: number
  f?: number
  i?: Int64
  s?: Uint8Array
  t?: TensorProto
  g?: GraphProto
  sparseTensor?: SparseTensorProto
  tp?: TypeProto
  floats?: number[]
  ints?: Int64[]
  strings?: Uint8Array[]
  tensors?: TensorProto[]
  graphs?: GraphProto[]
  sparseTensors?: SparseTensorProto[]
  typeProtos?: TypeProto[]
}

export interface NodeProto extends Message {
  input?: string[]
  output?: string[]
  name?: string
  opType?: string
  domain?: string
  overload?: string
  attribute?: AttributeProto[]
  docString?: string
  metadataProps?: Entry[]
  deviceConfigurations?: unknown[]
}

export interface GraphProto extends Message {
  node?: NodeProto[]
  name?: string
  initializer?: TensorProto[]
  sparseInitializer?: SparseTensorProto[]
  docString?: string
  input?: ValueInfo[]
  output?: ValueInfo[]
  valueInfo?: ValueInfo[]
  quantizationAnnotation?: { tensorName?: string; quantParameterTensorNames?: Entry[] }[]
  metadataProps?: Entry[]
}

export interface FunctionProto extends Message {
  name?: string
  domain?: string
  overload?: string
  input?: string[]
  output?: string[]
  attribute?: string[]
  attributeProto?: AttributeProto[]
  node?: NodeProto[]
  docString?: string
  opsetImport?: OperatorSetId[]
  valueInfo?: ValueInfo[]
  metadataProps?: Entry[]
}

export interface ModelProto extends Message {
  irVersion?: Int64
  opsetImport?: OperatorSetId[]
  producerName?: string
  producerVersion?: string
  domain?: string
  modelVersion?: Int64
  docString?: string
  graph?: GraphProto
  metadataProps?: Entry[]
  trainingInfo?: unknown[]
  functions?: FunctionProto[]
  configuration?: unknown[]
}

/** Copies `from`'s unknown fields onto `to`, which a spread leaves behind. */
export function keepUnknowns<T extends Message>(from: Message | undefined, to: T): T {
  if (from?.$unknowns) to.$unknowns = from.$unknowns
  return to
}
