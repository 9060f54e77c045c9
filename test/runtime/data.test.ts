/** Reading tokens, cutting and shuffling windows, checking batches. */
import fs from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  batchesOnce,
  checkBatch,
  checkTokens,
  countedLabels,
  LanguageBatches,
  readTokens,
  TokenWindows,
  vocabulary,
  type Batch,
  type HostTensor,
  type Manifest,
} from '../../runtime/index.js'
import { temporaryDirectory } from './tiny.js'

type Part = Pick<Manifest, 'inputs' | 'loss'>

const int64 = (name: string, limit?: number) => ({
  name,
  dtype: 'int64',
  shape: ['batch', 'seq'],
  ...(limit === undefined ? {} : { limit }),
})

const MODEL: Part = {
  inputs: [int64('input_ids', 100)],
  loss: {
    kind: 'causal-lm',
    output: 'loss',
    classes: 100,
    labels: { ...int64('labels'), ignoreIndex: -100 },
  },
}

function write(name: string, bytes: Uint8Array | string): string {
  const file = path.join(temporaryDirectory(), name)
  fs.writeFileSync(file, bytes)
  return file
}

/** A NumPy file of format 1.0. */
function npy(descr: string, shape: string, data: Uint8Array, fortran = 'False'): Buffer {
  const text = `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': ${shape}, }`
  const header = text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11) + '\n'
  const length = Buffer.alloc(2)
  length.writeUInt16LE(header.length)
  return Buffer.concat([Buffer.from('\x93NUMPY\x01\x00', 'latin1'), length, Buffer.from(header), data])
}

const raw = (array: Uint16Array | Uint32Array | BigInt64Array): Uint8Array => new Uint8Array(array.buffer)

function rows(tensor: HostTensor): number[][] {
  const [n, width] = tensor.shape as [number, number]
  const values = Array.from(tensor.data as BigInt64Array, Number)
  return Array.from({ length: n }, (_, i) => values.slice(i * width, (i + 1) * width))
}

describe('token files', () => {
  it('reads raw numbers', () => {
    expect(readTokens(write('t.bin', raw(Uint16Array.of(1, 2, 65535))))).toEqual(Uint16Array.of(1, 2, 65535))
    expect(readTokens(write('t.bin', raw(Uint32Array.of(7, 100000))), { binType: 'uint32' })).toEqual(
      Uint32Array.of(7, 100000),
    )
  })

  it('reads NumPy arrays', () => {
    expect(readTokens(write('t.npy', npy('<u2', '(2, 2)', raw(Uint16Array.of(1, 2, 3, 4)))))).toEqual(
      Uint16Array.of(1, 2, 3, 4),
    )
    const wide = readTokens(write('t.npy', npy('<i8', '(3,)', raw(BigInt64Array.of(5n, -1n, 2n ** 40n)))))
    expect(wide).toEqual(Int32Array.of(5, -1, -1))
    expect(() => checkTokens(wide, undefined, 't.npy')).toThrow(
      expect.objectContaining({ code: 'token-out-of-range' }),
    )
  })

  it('reads text as bytes', () => {
    expect([...readTokens(write('t.txt', 'aé'), { tokenizer: 'bytes' })]).toEqual([97, 0xc3, 0xa9])
  })

  it('reads text through a tokenizer.json', () => {
    const vocab = { '[UNK]': 0, the: 1, cat: 2, sat: 3 }
    const tokenizer = write(
      'tokenizer.json',
      JSON.stringify({
        version: '1.0',
        added_tokens: [],
        normalizer: { type: 'Lowercase' },
        pre_tokenizer: { type: 'Whitespace' },
        post_processor: null,
        decoder: null,
        model: { type: 'WordLevel', vocab, unk_token: '[UNK]' },
      }),
    )
    expect([...readTokens(write('t.txt', 'The cat\nsat the dog'), { tokenizer })]).toEqual([1, 2, 3, 1, 0])
  })

  it.each([
    ['odd bytes', 't.bin', Uint8Array.of(1, 2, 3), 'not-tokens'],
    ['no NumPy file', 't.npy', 'text', 'not-npy'],
    ['a NumPy file of floats', 't.npy', npy('<f4', '(1,)', new Uint8Array(4)), 'not-npy'],
    ['a NumPy file in Fortran order', 't.npy', npy('<u2', '(1,)', new Uint8Array(2), 'True'), 'not-npy'],
    ['a cut NumPy file', 't.npy', npy('<u2', '(3,)', new Uint8Array(4)), 'not-npy'],
    ['text without a tokenizer', 't.txt', 'abc', 'tokenizer-needed'],
  ])('refuses %s', (_, name, content, code) => {
    expect(() => readTokens(write(name, content))).toThrow(expect.objectContaining({ code }))
  })

  it('refuses a tokenizer that is none, and a file that is not there', () => {
    const text = write('t.txt', 'abc')
    expect(() => readTokens(text, { tokenizer: write('tokenizer.json', '{}') })).toThrow(
      expect.objectContaining({ code: 'not-tokenizer' }),
    )
    expect(() => readTokens('/nowhere/t.bin')).toThrow(
      expect.objectContaining({ code: 'missing-file', kind: 'io' }),
    )
  })

  it('names position and value of a token out of range', () => {
    expect(() => checkTokens(Uint16Array.of(1, 2, 100), 100, 't.bin')).toThrow(
      /token 100 at position 2; the model knows 0 to 99/,
    )
  })

  it('takes the smaller of the input table and the classes as vocabulary', () => {
    expect(vocabulary(MODEL)).toBe(100)
    expect(vocabulary({ ...MODEL, inputs: [int64('input_ids', 90)] })).toBe(90)
    expect(
      vocabulary({ inputs: [int64('input_ids')], loss: { kind: 'output', output: 'loss', labels: null } }),
    ).toBeUndefined()
  })
})

describe('windows', () => {
  const windows = new TokenWindows(
    Uint16Array.from({ length: 43 }, (_, i) => i),
    4,
  )

  it('leaves out a rest shorter than a window', () => {
    expect(windows.count).toBe(10)
    expect([...windows.window(9)]).toEqual([36, 37, 38, 39])
  })

  it('holds the last ones out', () => {
    const { train, validation } = windows.split(0.2)
    expect([train.count, validation.count]).toEqual([8, 2])
    expect([...validation.window(0)]).toEqual([32, 33, 34, 35])
    expect(windows.split(0.01).validation.count).toBe(1)
    expect(windows.split(0).validation.count).toBe(0)
  })

  it('refuses too little data', () => {
    const short = new TokenWindows(Uint16Array.of(1, 2, 3), 4)
    expect(() => short.split(0)).toThrow(expect.objectContaining({ code: 'too-little-data' }))
    expect(() => new LanguageBatches(MODEL, short, { batch: 1 })).toThrow(
      expect.objectContaining({ code: 'too-little-data' }),
    )
  })

  it('delivers every window once an epoch, in a new order each', () => {
    const data = new LanguageBatches(MODEL, windows, { batch: 5, seed: 1 })
    const epoch = (): number[] =>
      [data.next(), data.next()].flatMap((b) => rows(b.inputs.input_ids!).map((r) => r[0]!))
    const [first, second] = [epoch(), epoch()]
    const all = Array.from({ length: 10 }, (_, i) => 4 * i)
    expect([...first].sort((a, b) => a - b)).toEqual(all)
    expect([...second].sort((a, b) => a - b)).toEqual(all)
    expect(first).not.toEqual(second)
    expect(first).not.toEqual(all)
  })

  it('goes on from a position', () => {
    const data = new LanguageBatches(MODEL, windows, { batch: 3, seed: 1 })
    const batches = Array.from({ length: 9 }, () => data.next())
    const again = new LanguageBatches(MODEL, windows, { batch: 3, seed: 1 })
    again.seek({ epoch: 1, index: 2 })
    expect(again.next()).toEqual(batches[4])
    expect(again.position()).toEqual({ epoch: 1, index: 5 })
    expect(() => again.seek({ epoch: 0, index: 11 })).toThrow(
      expect.objectContaining({ code: 'data-position' }),
    )
  })

  it('fills masks, positions and token types', () => {
    const model = {
      ...MODEL,
      inputs: [int64('input_ids'), int64('attention_mask'), int64('position_ids'), int64('token_type_ids')],
    }
    const { inputs, labels } = new LanguageBatches(model, windows, { batch: 2, shuffle: false }).next()
    expect(Object.values(inputs).map(rows)).toEqual([
      [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
      ],
      [
        [1, 1, 1, 1],
        [1, 1, 1, 1],
      ],
      [
        [0, 1, 2, 3],
        [0, 1, 2, 3],
      ],
      [
        [0, 0, 0, 0],
        [0, 0, 0, 0],
      ],
    ])
    expect(rows(labels!)).toEqual(rows(inputs.input_ids!))
  })

  it.each([
    ['another loss', { ...MODEL, loss: { ...MODEL.loss, kind: 'class' as const } }],
    ['an unknown input', { ...MODEL, inputs: [...MODEL.inputs, int64('encoder_outputs')] }],
    ['no tokens', { ...MODEL, inputs: [int64('attention_mask')] }],
  ])('refuses %s', (_, model) => {
    expect(() => new LanguageBatches(model, windows, { batch: 1 })).toThrow(
      expect.objectContaining({ code: 'unsupported-data' }),
    )
  })

  it('validates on every window once', () => {
    const batches = [...batchesOnce(MODEL, windows, 4)]
    expect(batches.map((b) => b.inputs.input_ids!.shape)).toEqual([
      [4, 4],
      [4, 4],
      [2, 4],
    ])
  })
})

describe('batches', () => {
  const tensor = (values: number[][], dtype = 'int64'): HostTensor => ({
    dtype,
    shape: [values.length, values[0]!.length],
    data: BigInt64Array.from(values.flat(), BigInt),
  })
  const batch = (ids: number[][], labels: number[][]): Batch => ({
    inputs: { input_ids: tensor(ids) },
    labels: tensor(labels),
  })

  it('tells the dimensions of a good one', () => {
    expect(checkBatch(MODEL, batch([[1, 2, 3]], [[-100, 2, 99]]))).toEqual({ batch: 1, seq: 3 })
  })

  it('counts the labels that a causal model predicts', () => {
    expect(
      countedLabels(
        MODEL,
        batch(
          [
            [1, 2, 3],
            [4, 5, 6],
          ],
          [
            [1, 2, 3],
            [4, -100, 6],
          ],
        ),
      ),
    ).toBe(3)
    const token = { ...MODEL, loss: { ...MODEL.loss, kind: 'token' as const } }
    expect(countedLabels(token, batch([[1, 2, 3]], [[1, -100, 3]]))).toBe(2)
  })

  it.each<[string, Batch, string, RegExp]>([
    [
      'a label beyond the classes',
      batch(
        [
          [1, 2],
          [3, 4],
        ],
        [
          [1, 2],
          [3, 100],
        ],
      ),
      'label-out-of-range',
      /at \[1, 1\] is 100; the model knows 0 to 99 and -100/,
    ],
    ['a negative label', batch([[1, 2]], [[-1, 2]]), 'label-out-of-range', /at \[0, 0\] is -1/],
    ['a token beyond the table', batch([[1, 101]], [[1, 2]]), 'token-out-of-range', /at \[0, 1\] is 101/],
    ['labels of another shape', batch([[1, 2]], [[1, 2, 3]]), 'input-shape', /has shape \[1, 3\].*seq = 2/],
    [
      'another type',
      { inputs: { input_ids: tensor([[1]], 'int32') }, labels: tensor([[1]]) },
      'input-type',
      /is int32/,
    ],
    ['a missing input', { inputs: {}, labels: tensor([[1]]) }, 'missing-input', /input_ids/],
    ['missing labels', { inputs: { input_ids: tensor([[1]]) }, labels: null }, 'missing-input', /labels/],
  ])('refuses %s', (_, bad, code, message) => {
    expect(() => checkBatch(MODEL, bad)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) as string }),
    )
  })
})
