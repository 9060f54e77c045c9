/** Reading a model: bytes or a file, and telling what is wrong with them. */
import fs from 'node:fs'
import path from 'node:path'
import protobuf from 'protobufjs/light.js'
import { DropBPError, IOError } from '../errors.js'
import { guarded } from '../files.js'
import type { Model } from '../ir.js'
import { ExternalFiles } from './external.js'
import { modelFromProto, type ModelExtra } from './reader.js'
import { PROTOBUF_LIMIT, type ModelProto } from './messages.js'
import { plainType, wireType } from './schema.js'

export interface ReadOptions {
  /** Where external data lies; without it a model with external data is refused. */
  directory?: string
  /** The model's path, for messages, and so that it is never written over. */
  file?: string
}

/**
 * Reads a model from protobuf bytes. Weights stay views on `bytes`, or are read from external files when needed.
 * @throws IOError `not-onnx`, `truncated`, `missing-external-data`, `external-data-path`, `external-data-short`
 * @throws CompileError where the model is malformed
 */
export function readModel(bytes: Uint8Array, options: ReadOptions = {}): Model {
  const name = options.file ?? 'the model'
  checkOutline(bytes, name)
  const model = modelFromProto(decode(bytes, name), new ExternalFiles(options.directory, options.file))
  if (options.file !== undefined) (model.extra as ModelExtra).sourceFile = path.resolve(options.file)
  return model
}

/**
 * Reads a model file; external data is looked for beside it.
 * @throws IOError `missing-file`, `is-directory`, `no-permission`, `read-failed`, `too-large`, and what `readModel` throws
 */
export function loadModel(file: string): Model {
  return readModel(readFile(file), { directory: path.dirname(file), file })
}

function readFile(file: string): Uint8Array {
  return guarded(file, 'read', () => {
    const { size } = fs.statSync(file)
    if (size > PROTOBUF_LIMIT) {
      throw new IOError(
        'too-large',
        `${file} has ${size} bytes; an ONNX file ends at 2 GB: save its weights as external data`,
      )
    }
    return fs.readFileSync(file)
  })
}

/** Accepts plain objects in the shape of the `onnx-proto` package: camelCase fields, Long or number, typed data arrays. */
export function fromProto(object: object, options: ReadOptions = {}): Model {
  const type = plainType('ModelProto')
  return readModel(type.encode(type.fromObject(ownFields(object) as object)).finish(), options)
}

/** Only what is set: decoders keep the defaults of absent fields on prototypes, where they look like values. */
function ownFields(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value
  if (Array.isArray(value)) return typeof value[0] === 'object' ? value.map(ownFields) : value
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, ownFields(field)]))
}

function decode(bytes: Uint8Array, name: string): ModelProto {
  const reader = protobuf.Reader.create(bytes)
  reader.discardUnknown = false
  try {
    return wireType('ModelProto').decode(reader) as unknown as ModelProto
  } catch (cause) {
    throw new IOError(
      'not-onnx',
      `${name} is damaged inside (${(cause as Error).message}); fetch or export it again`,
      { cause },
    )
  }
}

/** Wire types of ModelProto's fields: 0 for numbers, 2 for everything with a length. */
const OUTLINE: Readonly<Record<number, number>> = {
  1: 0,
  2: 2,
  3: 2,
  4: 2,
  5: 0,
  6: 2,
  7: 2,
  8: 2,
  14: 2,
  20: 2,
  25: 2,
  26: 2,
}

/** Walks the top-level fields, to tell a file that is no ONNX model from one that ends too early. */
function checkOutline(bytes: Uint8Array, name: string): void {
  const refuse = (): never => {
    throw new IOError('not-onnx', `${name} is not an ONNX model: ${describe(bytes)}`)
  }
  const reader = protobuf.Reader.create(bytes)
  let known = 0
  while (reader.pos < bytes.length) {
    const start = reader.pos
    let field = 0
    try {
      const tag = reader.uint32()
      field = tag >>> 3
      if (field === 0 || (OUTLINE[field] ?? tag & 7) !== (tag & 7) || ![0, 1, 2, 5].includes(tag & 7))
        refuse()
      reader.skipType(tag & 7)
    } catch (error) {
      if (error instanceof DropBPError) throw error
      if (known === 0 && field !== 7) refuse()
      const message = `${name} ends at byte ${bytes.length}, inside a field that starts at byte ${start}`
      throw new IOError('truncated', `${message}; fetch or copy it again`)
    }
    if (field in OUTLINE) known++
  }
  if (known === 0) refuse()
}

function describe(bytes: Uint8Array): string {
  if (bytes.length === 0) return 'it is empty'
  const start = Buffer.from(bytes.subarray(0, 40)).toString('latin1')
  if (start.startsWith('version https://git-lfs')) return 'it is a git-lfs pointer; run `git lfs pull`'
  if (start.startsWith('PK'))
    return 'it is a zip archive (PyTorch checkpoints are); export the model to ONNX first'
  if (/^\s*[<{[]/.test(start)) return 'it is text (JSON, HTML or the like)'
  return 'its bytes are no ModelProto; give the file that the framework exported'
}
