/**
 * Messages to bytes, in pieces: protobufjs copies and shifts what it writes several times, so weights do not go through it.
 */
import protobuf from 'protobufjs/light.js'
import { keepUnknowns, type Message, type ModelProto, type TensorProto } from './messages.js'
import { wireType } from './schema.js'

/** Field numbers of `ModelProto.graph`, `GraphProto.initializer` and `TensorProto.raw_data`. */
const GRAPH = 7
const INITIALIZER = 5
const RAW_DATA = 9

/** The bytes of a model, as pieces in order; raw data of the main graph's initializers is not copied. */
export function encodePieces(model: ModelProto): Uint8Array[] {
  const graph = model.graph!
  const parts = [encode('GraphProto', without(graph, 'initializer'))]
  for (const tensor of graph.initializer ?? []) {
    const pieces = encodeTensor(tensor)
    parts.push(header(INITIALIZER, totalLength(pieces)), ...pieces)
  }
  return [encode('ModelProto', without(model, 'graph')), header(GRAPH, totalLength(parts)), ...parts]
}

function encodeTensor(tensor: TensorProto): Uint8Array[] {
  if (!tensor.rawData) return [encode('TensorProto', tensor)]
  const description = encode('TensorProto', without(tensor, 'rawData'))
  return [description, header(RAW_DATA, tensor.rawData.length), tensor.rawData]
}

function encode(type: string, message: Message): Uint8Array {
  return wireType(type).encode(message).finish()
}

/** Tag and length of a field whose content follows. */
function header(field: number, length: number): Uint8Array {
  return protobuf.Writer.create()
    .uint32(field * 8 + 2)
    .uint32(length)
    .finish()
}

function without<T extends Message>(message: T, field: keyof T): T {
  const copy = keepUnknowns(message, { ...message })
  delete copy[field]
  return copy
}

export function totalLength(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((n, p) => n + p.length, 0)
}
