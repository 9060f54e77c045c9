/**
 * The wire schema of the current ONNX IR (onnx.proto of ONNX 1.23, IR version 14), run by protobufjs reflection. Field
 * numbers are the contract; a field that is not listed survives in `$unknowns`.
 */
import type Long from 'long'
import protobuf from 'protobufjs/light.js'

/** `name: 'type number'`, with a leading `*` on repeated fields. */
type Fields = Readonly<Record<string, string>>

const MESSAGES: Readonly<Record<string, Fields>> = {
  ModelProto: {
    irVersion: 'int64 1',
    producerName: 'string 2',
    producerVersion: 'string 3',
    domain: 'string 4',
    modelVersion: 'int64 5',
    docString: 'string 6',
    graph: 'GraphProto 7',
    opsetImport: '*OperatorSetIdProto 8',
    metadataProps: '*StringStringEntryProto 14',
    trainingInfo: '*TrainingInfoProto 20',
    functions: '*FunctionProto 25',
    configuration: '*DeviceConfigurationProto 26',
  },
  GraphProto: {
    node: '*NodeProto 1',
    name: 'string 2',
    initializer: '*TensorProto 5',
    docString: 'string 10',
    input: '*ValueInfoProto 11',
    output: '*ValueInfoProto 12',
    valueInfo: '*ValueInfoProto 13',
    quantizationAnnotation: '*TensorAnnotation 14',
    sparseInitializer: '*SparseTensorProto 15',
    metadataProps: '*StringStringEntryProto 16',
  },
  NodeProto: {
    input: '*string 1',
    output: '*string 2',
    name: 'string 3',
    opType: 'string 4',
    attribute: '*AttributeProto 5',
    docString: 'string 6',
    domain: 'string 7',
    overload: 'string 8',
    metadataProps: '*StringStringEntryProto 9',
    deviceConfigurations: '*NodeDeviceConfigurationProto 10',
  },
  AttributeProto: {
    name: 'string 1',
    f: 'float 2',
    i: 'int64 3',
    s: 'bytes 4',
    t: 'TensorProto 5',
    g: 'GraphProto 6',
    floats: '*float 7',
    ints: '*int64 8',
    strings: '*bytes 9',
    tensors: '*TensorProto 10',
    graphs: '*GraphProto 11',
    docString: 'string 13',
    tp: 'TypeProto 14',
    typeProtos: '*TypeProto 15',
    type: 'int32 20',
    refAttrName: 'string 21',
    sparseTensor: 'SparseTensorProto 22',
    sparseTensors: '*SparseTensorProto 23',
  },
  /** The typed data fields are read as packed chunks, so that they stay views on the file. */
  TensorProto: {
    dims: '*int64 1',
    dataType: 'int32 2',
    segment: 'Segment 3',
    floatData: '*bytes 4',
    int32Data: '*bytes 5',
    stringData: '*bytes 6',
    int64Data: '*bytes 7',
    name: 'string 8',
    rawData: 'bytes 9',
    doubleData: '*bytes 10',
    uint64Data: '*bytes 11',
    docString: 'string 12',
    externalData: '*StringStringEntryProto 13',
    dataLocation: 'int32 14',
    metadataProps: '*StringStringEntryProto 16',
  },
  Segment: { begin: 'int64 1', end: 'int64 2' },
  SparseTensorProto: { values: 'TensorProto 1', indices: 'TensorProto 2', dims: '*int64 3' },
  ValueInfoProto: {
    name: 'string 1',
    type: 'TypeProto 2',
    docString: 'string 3',
    metadataProps: '*StringStringEntryProto 4',
  },
  TypeProto: {
    tensorType: 'TensorTypeProto 1',
    sequenceType: 'ElementTypeProto 4',
    mapType: 'MapTypeProto 5',
    denotation: 'string 6',
    opaqueType: 'OpaqueTypeProto 7',
    sparseTensorType: 'TensorTypeProto 8',
    optionalType: 'ElementTypeProto 9',
  },
  TensorTypeProto: { elemType: 'int32 1', shape: 'TensorShapeProto 2' },
  ElementTypeProto: { elemType: 'TypeProto 1' },
  MapTypeProto: { keyType: 'int32 1', valueType: 'TypeProto 2' },
  OpaqueTypeProto: { domain: 'string 1', name: 'string 2' },
  TensorShapeProto: { dim: '*Dimension 1' },
  Dimension: { dimValue: 'int64 1', dimParam: 'string 2', denotation: 'string 3' },
  FunctionProto: {
    name: 'string 1',
    input: '*string 4',
    output: '*string 5',
    attribute: '*string 6',
    node: '*NodeProto 7',
    docString: 'string 8',
    opsetImport: '*OperatorSetIdProto 9',
    domain: 'string 10',
    attributeProto: '*AttributeProto 11',
    valueInfo: '*ValueInfoProto 12',
    overload: 'string 13',
    metadataProps: '*StringStringEntryProto 14',
  },
  TrainingInfoProto: {
    initialization: 'GraphProto 1',
    algorithm: 'GraphProto 2',
    initializationBinding: '*StringStringEntryProto 3',
    updateBinding: '*StringStringEntryProto 4',
  },
  OperatorSetIdProto: { domain: 'string 1', version: 'int64 2' },
  StringStringEntryProto: { key: 'string 1', value: 'string 2' },
  TensorAnnotation: { tensorName: 'string 1', quantParameterTensorNames: '*StringStringEntryProto 2' },
  DeviceConfigurationProto: { name: 'string 1', numDevices: 'int32 2', device: '*string 3' },
  NodeDeviceConfigurationProto: {
    configurationId: 'string 1',
    shardingSpec: '*ShardingSpecProto 2',
    pipelineStage: 'int32 3',
  },
  ShardingSpecProto: {
    tensorName: 'string 1',
    device: '*int64 2',
    indexToDeviceGroupMap: '*IntIntListEntryProto 3',
    shardedDim: '*ShardedDimProto 4',
  },
  IntIntListEntryProto: { key: 'int64 1', value: '*int64 2' },
  ShardedDimProto: { axis: 'int64 1', simpleSharding: '*SimpleShardedDimProto 2' },
  SimpleShardedDimProto: { dimValue: 'int64 1', dimParam: 'string 2', numShards: 'int64 3' },
}

/** How plain objects differ: tensor data is arrays of numbers, enumerators may be names. */
const PLAIN: Readonly<Record<string, Fields>> = {
  TensorProto: {
    floatData: '*float 4',
    int32Data: '*int32 5',
    int64Data: '*int64 7',
    doubleData: '*double 10',
    uint64Data: '*uint64 11',
    dataLocation: 'DataLocation 14',
  },
  AttributeProto: { type: 'AttributeType 20' },
}

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

/**
 * @param edition both keep fields that are set to their default; `2023` also packs numbers
 */
function build(
  edition: 'proto2' | '2023',
  overrides: Readonly<Record<string, Fields>>,
): (name: string) => protobuf.Type {
  const nested: Record<string, protobuf.AnyNestedObject> = {
    AttributeType: { values: { ...AttributeType } },
    DataLocation: { values: { ...DataLocation } },
  }
  for (const [name, fields] of Object.entries(MESSAGES)) {
    nested[name] = { edition, fields: fieldTable({ ...fields, ...overrides[name] }) }
  }
  const root = protobuf.Root.fromJSON({ nested })
  root.resolveAll()
  return (name) => root.lookupType(name)
}

function fieldTable(fields: Fields): Record<string, protobuf.IField> {
  const table: Record<string, protobuf.IField> = {}
  for (const [name, text] of Object.entries(fields)) {
    const [type, id] = text.replace('*', '').split(' ') as [string, string]
    table[name] = { type, id: Number(id), ...(text.startsWith('*') ? { rule: 'repeated' } : {}) }
  }
  return table
}

/** A message type of the wire schema by name. */
export const wireType = build('proto2', {})
/** The same for plain objects, whose typed tensor data is arrays of numbers. */
export const plainType = build('2023', PLAIN)

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
