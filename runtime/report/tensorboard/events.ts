/** TensorBoard event files: records of `tensorflow.Event` messages with scalar summaries. */
import protobuf from 'protobufjs/light.js'
import { maskedCrc32c } from './crc32c.js'

const { Field, Root, Type } = protobuf

/** Field numbers of tensorflow/core/util/event.proto and framework/summary.proto. */
const root = new Root().add(
  new Type('Event')
    .add(new Field('wallTime', 1, 'double'))
    .add(new Field('step', 2, 'int64'))
    .add(new Field('fileVersion', 3, 'string'))
    .add(new Field('summary', 5, 'Summary')),
)
root
  .add(new Type('Summary').add(new Field('value', 1, 'Value', 'repeated')))
  .add(new Type('Value').add(new Field('tag', 1, 'string')).add(new Field('simpleValue', 2, 'float')))

const Event = root.lookupType('Event')

/** Scalars at a step. */
export interface ScalarEvent {
  /** Seconds since 1970. */
  wallTime: number
  step: number
  scalars: Readonly<Record<string, number>>
}

/** The record that every file begins with. */
export function versionRecord(wallTime: number): Uint8Array {
  return record(Event.encode({ wallTime, fileVersion: 'brain.Event:2' }).finish())
}

export function scalarRecord({ wallTime, step, scalars }: ScalarEvent): Uint8Array {
  const value = Object.entries(scalars).map(([tag, simpleValue]) => ({ tag, simpleValue }))
  return record(Event.encode({ wallTime, step, summary: { value } }).finish())
}

/** TFRecord framing: length (uint64), its checksum, the data, its checksum; all little-endian. */
function record(data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(data.length + 16)
  const view = new DataView(bytes.buffer)
  view.setBigUint64(0, BigInt(data.length), true)
  view.setUint32(8, maskedCrc32c(bytes.subarray(0, 8)), true)
  bytes.set(data, 12)
  view.setUint32(12 + data.length, maskedCrc32c(data), true)
  return bytes
}
