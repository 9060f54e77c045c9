/** Mutants of a model file, and what the compiler makes of them. */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import protobuf from 'protobufjs/light.js'
import { compileModel, type Compilation } from '../../passes/compile.js'
import { DropBPError } from '../../src/errors.js'
import { encodeModel, readModel } from '../../src/onnx/index.js'
import type { ModelProto } from '../../src/onnx/messages.js'
import { wireType } from '../../src/onnx/schema.js'
import { verify } from '../../src/verify.js'
import { damageBytes } from './bytes.js'
import { Choices } from './source.js'
import { mutateModel } from './structure.js'

/** A damaged file and what was done to it. */
export interface Mutant {
  readonly seed: number
  readonly what: string
  readonly bytes: Uint8Array
}

/** What became of a mutant: a coded refusal, a compilation, or a defect of the compiler. */
export type Outcome =
  | { readonly kind: 'refused'; readonly code: string; readonly message: string }
  | { readonly kind: 'compiled'; readonly compilation: Compilation }
  | { readonly kind: 'defect'; readonly error: unknown }

const MODEL = wireType('ModelProto')

/** The mutant that a seed stands for: one in four is damaged blindly. */
export function mutantOf(file: Uint8Array, seed: number): Mutant {
  const c = new Choices(seed)
  if (c.chance(0.25)) return { seed, what: 'damaged bytes', bytes: damageBytes(file, c) }
  const reader = protobuf.Reader.create(file)
  reader.discardUnknown = false
  const model = MODEL.decode(reader) as unknown as ModelProto
  const what = mutateModel(model, c).join('; ')
  return { seed, what, bytes: MODEL.encode(model as object).finish() }
}

/** Reads, compiles, verifies and writes a mutant. The directory that external data may lie in is an empty one. */
export function outcomeOf({ bytes }: Mutant): Outcome {
  try {
    const compilation = compileModel(readModel(bytes, { directory: emptyDirectory() }))
    for (const model of modelsOf(compilation)) {
      verify(model, 'compiling a mutant')
      encodeModel(model)
    }
    return { kind: 'compiled', compilation }
  } catch (error) {
    if (!(error instanceof DropBPError)) return { kind: 'defect', error }
    // The verifier's complaint about a compiler pass is the compiler's fault.
    const isOwn = error.code === 'invalid-graph' && !error.message.startsWith('after reading')
    return isOwn ? { kind: 'defect', error } : { kind: 'refused', code: error.code, message: error.message }
  }
}

/** The models of a compilation. */
export function modelsOf({ training, evaluation, optimizer, annotated }: Compilation) {
  return [training, evaluation, optimizer, annotated]
}

let empty: string | undefined

function emptyDirectory(): string {
  empty ??= fs.mkdtempSync(path.join(os.tmpdir(), 'dropbp-fuzz-'))
  return empty
}
