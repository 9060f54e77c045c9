/** The exported test models, and what PyTorch says of them. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type * as ort from 'onnxruntime-node'
import type { Model } from '../../src/ir.js'
import { loadModel } from '../../src/onnx/index.js'
import { readSafetensors } from '../../src/safetensors.js'
import { feed, type Feed } from './expect-pass.js'

const FOLDER = join(import.meta.dirname, '../models')

/** What `NAME.json` says. */
export interface About {
  readonly kind: string
  readonly siteNames: readonly string[]
  /** What the exported module has before the reference's names. */
  readonly prefix: string
}

/** Names of all test models. */
export const modelNames = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.onnx'))
  .map((file) => file.slice(0, -'.onnx'.length))

export function load(name: string): Model {
  return loadModel(join(FOLDER, `${name}.onnx`))
}

export function about(name: string): About {
  return JSON.parse(readFileSync(join(FOLDER, `${name}.json`), 'utf8')) as About
}

/** PyTorch's inputs, and its names and shapes of the parameters that have a gradient. */
export function reference(name: string) {
  const inputs: Record<string, Feed> = {}
  const parameters = new Map<string, readonly number[]>()
  for (const [key, { dtype, shape, data }] of readSafetensors(join(FOLDER, `${name}.safetensors`))) {
    if (key.startsWith('grad/')) parameters.set(key.slice('grad/'.length), shape)
    if (!key.startsWith('in/')) continue
    inputs[key.slice('in/'.length)] = feed(
      dtype as ort.Tensor.Type,
      shape,
      Array.from(data as ArrayLike<number | bigint>, Number),
    )
  }
  return { inputs, parameters }
}
