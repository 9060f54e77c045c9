/** Tensor data of a file: lazy views on raw bytes, typed fields or external files. */
import { CompileError } from '../errors.js'
import { dtypeOf, ELEMENT_TYPE } from '../builder.js'
import { Tensor } from '../tensor.js'
import { elementSize, type DType } from '../types.js'
import { type ExternalFiles, type ExternalSpan, readSpan } from './external.js'
import { exactInt } from './int64.js'
import { DataLocation, keepUnknowns, type TensorProto } from './messages.js'

/** A tensor that came from a file, with all that the file says of it; element types without a name keep their bytes. */
export class ProtoTensor extends Tensor {
  /**
   * @param span where the data lies outside the protobuf, if it does
   */
  constructor(
    dtype: DType,
    shape: readonly number[],
    private readonly read: () => Uint8Array,
    readonly proto: TensorProto,
    readonly span?: ExternalSpan,
  ) {
    super(dtype, shape, read)
  }

  override get byteLength(): number {
    if (elementSize(this.dtype) > 0) return super.byteLength
    return this.span?.length ?? this.proto.rawData?.length ?? 0
  }

  override bytes(): Uint8Array {
    return elementSize(this.dtype) > 0 ? super.bytes() : this.read()
  }

  override reshaped(shape: readonly number[]): ProtoTensor {
    const proto = keepUnknowns(this.proto, { ...this.proto, dims: [...shape] })
    return new ProtoTensor(this.dtype, shape, this.read, proto, this.span)
  }
}

/** Strings of a `string` tensor. */
export function tensorStrings(tensor: Tensor): string[] {
  if (!(tensor instanceof ProtoTensor) || tensor.dtype !== 'string') {
    throw new CompileError('tensor-type', `a ${tensor.dtype} tensor holds no strings`)
  }
  return (tensor.proto.stringData ?? []).map((s) => Buffer.from(s).toString('utf8'))
}

/** A `string` tensor. */
export function stringTensor(shape: readonly number[], values: readonly string[]): Tensor {
  const stringData = values.map((s) => Buffer.from(s, 'utf8'))
  const proto: TensorProto = { dims: [...shape], dataType: ELEMENT_TYPE.string!, stringData }
  return new ProtoTensor('string', shape, noBytes(proto), proto)
}

/**
 * The tensor of a TensorProto; nothing is copied or read yet.
 * @throws CompileError `tensor-size` where the raw bytes do not fit type and shape
 */
export function tensorFromProto(proto: TensorProto, files: ExternalFiles): Tensor {
  const dtype = dtypeOf(proto.dataType ?? 0)
  const shape = [...(proto.dims ?? [])].map((d) => exactInt(d, `a dimension of tensor "${proto.name}"`))
  const width = elementSize(dtype)
  const expected = byteLengthOf(proto, shape, width)
  if (proto.dataLocation === DataLocation.EXTERNAL) {
    const span = files.locate(proto, expected)
    if (width > 0) checkLength(proto, span.length, expected)
    return new ProtoTensor(dtype, shape, () => readSpan(span), proto, span)
  }
  if (Object.hasOwn(proto, 'rawData')) {
    if (width > 0) checkLength(proto, proto.rawData!.length, expected)
    return new ProtoTensor(dtype, shape, () => proto.rawData!, proto)
  }
  const fill = FILL[dtype]
  if (!fill) return new ProtoTensor(dtype, shape, noBytes(proto), proto)
  return new ProtoTensor(
    dtype,
    shape,
    lazily(() => fill(proto, expected)),
    proto,
  )
}

/** @throws CompileError `tensor-size` for dimensions that no tensor has */
function byteLengthOf({ name }: TensorProto, shape: readonly number[], width: number): number {
  const length = shape.reduce((n, d) => n * d, Math.max(width, 1))
  if (shape.every((d) => d >= 0) && Number.isSafeInteger(length)) return width > 0 ? length : 0
  throw new CompileError(
    'tensor-size',
    `tensor "${name}" has dimensions [${shape}], which no tensor has: the file is damaged`,
  )
}

/** A copy of the tensor's proto (or a new one) that says everything but the data. */
export function withoutData(tensor: Tensor): TensorProto {
  const description = { dims: [...tensor.shape], dataType: ELEMENT_TYPE[tensor.dtype]! }
  if (!(tensor instanceof ProtoTensor)) return description
  const { name, docString, metadataProps, dataType } = tensor.proto
  const proto: TensorProto = { ...description, dataType }
  if (name) proto.name = name
  if (docString) proto.docString = docString
  if (metadataProps?.length) proto.metadataProps = metadataProps
  const unknown = (tensor.proto.$unknowns ?? []).filter((raw) => !DATA_FIELDS.has(fieldOf(raw)))
  if (unknown.length > 0) proto.$unknowns = unknown
  return proto
}

/** float_data, int32_data, int64_data, double_data, uint64_data. */
const DATA_FIELDS: ReadonlySet<number> = new Set([4, 5, 7, 10, 11])

function fieldOf(raw: Uint8Array): number {
  return readVarint(raw, 0).low >>> 3
}

function checkLength(proto: TensorProto, got: number, expected: number): void {
  if (got === expected) return
  const what = `tensor "${proto.name}" (${dtypeOf(proto.dataType ?? 0)}[${proto.dims ?? []}])`
  throw new CompileError(
    'tensor-size',
    `${what} needs ${expected} bytes, its data has ${got}: the file is damaged`,
  )
}

function noBytes(proto: TensorProto): () => Uint8Array {
  return () => {
    throw new CompileError(
      'tensor-type',
      `tensor "${proto.name}" of data type ${proto.dataType} has no plain bytes`,
    )
  }
}

/** Decodes at first use; the result is given back to the collector when memory is short. */
function lazily(make: () => Uint8Array): () => Uint8Array {
  let cached: WeakRef<Uint8Array> | undefined
  return () => {
    let bytes = cached?.deref()
    if (!bytes) {
      bytes = make()
      cached = new WeakRef(bytes)
    }
    return bytes
  }
}

type Fill = (proto: TensorProto, byteLength: number) => Uint8Array

const fromInt32: Fill = (proto, n) =>
  unpack(proto.int32Data, scalars(proto, 5), n, elementSize(dtypeOf(proto.dataType!)))
const fromUint64: Fill = (proto, n) =>
  unpack(proto.uint64Data, scalars(proto, 11), n, elementSize(dtypeOf(proto.dataType!)))

/** Which typed field holds which element type, as onnx.proto says. */
const FILL: Partial<Record<DType, Fill>> = {
  float32: (proto) => concat([...(proto.floatData ?? []), ...scalars(proto, 4)]),
  float64: (proto) => concat([...(proto.doubleData ?? []), ...scalars(proto, 10)]),
  int64: (proto, n) => unpack(proto.int64Data, scalars(proto, 7), n, 8),
  int8: fromInt32,
  int16: fromInt32,
  int32: fromInt32,
  uint8: fromInt32,
  uint16: fromInt32,
  bool: fromInt32,
  float16: fromInt32,
  bfloat16: fromInt32,
  uint32: fromUint64,
  uint64: fromUint64,
}

/** Values of a repeated field that were written one by one instead of packed; they land among the unknown fields. */
function scalars(proto: TensorProto, field: number): Uint8Array[] {
  const found: Uint8Array[] = []
  for (const raw of proto.$unknowns ?? []) {
    const tag = readVarint(raw, 0)
    if (tag.low >>> 3 === field) found.push(raw.subarray(tag.end))
  }
  return found
}

function concat(chunks: readonly Uint8Array[]): Uint8Array {
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
}

/** Varints as little-endian integers of `width` bytes. */
function unpack(
  packed: readonly Uint8Array[] | undefined,
  single: readonly Uint8Array[],
  byteLength: number,
  width: number,
): Uint8Array {
  const chunks = [...(packed ?? []), ...single]
  // A number takes a byte or more, so that dimensions alone do not decide how much memory is asked for.
  const most = chunks.reduce((n, chunk) => n + chunk.length, 0) * width
  const out = new DataView(new ArrayBuffer(Math.min(byteLength, most)))
  let at = 0
  for (const chunk of chunks) {
    for (let pos = 0; pos < chunk.length && at + width <= out.byteLength; at += width) {
      const { low, high, end } = readVarint(chunk, pos)
      pos = end
      if (width === 8) {
        out.setUint32(at, low, true)
        out.setUint32(at + 4, high, true)
      } else if (width === 4) out.setUint32(at, low, true)
      else if (width === 2) out.setUint16(at, low & 0xffff, true)
      else out.setUint8(at, low & 0xff)
    }
  }
  return new Uint8Array(out.buffer, 0, at)
}

function readVarint(bytes: Uint8Array, start: number): { low: number; high: number; end: number } {
  let low = 0
  let high = 0
  let end = start
  for (let shift = 0; end < bytes.length; shift += 7) {
    const byte = bytes[end++]!
    if (shift < 28) low |= (byte & 127) << shift
    else if (shift === 28) {
      low |= (byte & 15) << 28
      high |= (byte & 127) >> 4
    } else high |= (byte & 127) << (shift - 32)
    if (byte < 128) break
  }
  return { low: low >>> 0, high: high >>> 0, end }
}
