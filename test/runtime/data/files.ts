/** Small data files and models for the tests of the data side. */
import fs from 'node:fs'
import path from 'node:path'
import type { HostTensor, Manifest } from '../../../runtime/index.js'
import { temporaryDirectory } from '../tiny.js'

/** What the data side reads of a manifest. */
export type Part = Pick<Manifest, 'inputs' | 'loss'>

export const int64 = (name: string, limit?: number) => ({
  name,
  dtype: 'int64',
  shape: ['batch', 'seq'] as (string | number)[],
  ...(limit === undefined ? {} : { limit }),
})

/** A causal language model of 100 tokens. */
export const MODEL: Part = {
  inputs: [int64('input_ids', 100)],
  loss: {
    kind: 'causal-lm',
    output: 'loss',
    classes: 100,
    labels: { ...int64('labels'), ignoreIndex: -100 },
  },
}

/** A causal language model of 256 tokens with a mask, for text byte by byte. */
export const BYTES: Part = {
  inputs: [int64('input_ids', 256), int64('attention_mask')],
  loss: { ...MODEL.loss, classes: 256 },
}

/** An encoder that puts texts into three classes. */
export const CLASSIFIER: Part = {
  inputs: [int64('input_ids', 256), int64('attention_mask')],
  loss: {
    kind: 'class',
    output: 'loss',
    classes: 3,
    labels: { name: 'labels', dtype: 'int64', shape: ['batch'], ignoreIndex: -100 },
  },
}

/** An encoder-decoder of 256 tokens. */
export const TRANSLATOR: Part = {
  inputs: [
    int64('input_ids', 256),
    int64('attention_mask'),
    { ...int64('decoder_input_ids', 256), shape: ['batch', 'dec'] },
  ],
  loss: {
    kind: 'token',
    output: 'loss',
    classes: 256,
    labels: { name: 'labels', dtype: 'int64', shape: ['batch', 'dec'], ignoreIndex: -100 },
  },
}

/** Writes a file of a temporary directory. */
export function write(name: string, bytes: Uint8Array | string, directory = temporaryDirectory()): string {
  const file = path.join(directory, name)
  fs.writeFileSync(file, bytes)
  return file
}

/** Objects as JSON lines. */
export function jsonLines(...rows: unknown[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join('')
}

/** A NumPy file of format 1.0. */
export function npy(descr: string, shape: string, data: Uint8Array, fortran = 'False'): Buffer {
  const text = `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': ${shape}, }`
  const header = text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11) + '\n'
  const length = Buffer.alloc(2)
  length.writeUInt16LE(header.length)
  return Buffer.concat([Buffer.from('\x93NUMPY\x01\x00', 'latin1'), length, Buffer.from(header), data])
}

/** The bytes of an array. */
export const raw = (array: Uint16Array | Uint32Array | BigInt64Array | Float32Array): Uint8Array =>
  new Uint8Array(array.buffer)

/** The rows of a matrix of integers. */
export function rows(tensor: HostTensor): number[][] {
  const [n, width] = tensor.shape as [number, number]
  const values = Array.from(tensor.data as BigInt64Array, Number)
  return Array.from({ length: n }, (_, i) => values.slice(i * width, (i + 1) * width))
}

/** A tokenizer whose tokens are the words of a list, and `[UNK]` with number 0. */
export function wordTokenizer(words: readonly string[], more: Record<string, unknown> = {}): string {
  const vocab = Object.fromEntries(['[UNK]', ...words].map((word, i) => [word, i]))
  return write(
    'tokenizer.json',
    JSON.stringify({
      version: '1.0',
      added_tokens: [],
      normalizer: { type: 'Lowercase' },
      pre_tokenizer: { type: 'Whitespace' },
      post_processor: null,
      decoder: null,
      model: { type: 'WordLevel', vocab, unk_token: '[UNK]' },
      ...more,
    }),
  )
}
