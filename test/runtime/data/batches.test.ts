/** Reading tokens, cutting and shuffling windows, checking batches. */
import { describe, expect, it } from 'vitest'
import {
  Batches,
  checkBatch,
  checkTokens,
  countedLabels,
  IGNORE,
  readTokens,
  split,
  TokenWindows,
  vocabulary,
  type Batch,
  type Dataset,
  type Example,
  type HostTensor,
} from '../../../runtime/index.js'
import { int64, MODEL, npy, raw, rows, wordTokenizer, write } from './files.js'

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
    const tokenizer = wordTokenizer(['the', 'cat', 'sat'])
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
    expect(windows.length).toBe(10)
    expect([...Array.from(windows.get(9).tokens)]).toEqual([36, 37, 38, 39])
  })

  it('holds the last ones out', () => {
    const { train, validation } = split(windows, { validation: 0.2 })
    expect([train.length, validation.length]).toEqual([8, 2])
    expect(Array.from(validation.get(0)!.tokens)).toEqual([32, 33, 34, 35])
    expect(split(windows, { validation: 0.01 }).validation.length).toBe(1)
    expect(split(windows, { validation: 0 }).validation.length).toBe(0)
    expect(split(windows, { validation: 3 }).validation.length).toBe(3)
    for (const validation of [1.5, -1, NaN]) {
      expect(() => split(windows, { validation })).toThrow(/give a share below 1.* or a whole number/)
    }
  })

  it('refuses too little data', () => {
    const short = new TokenWindows(Uint16Array.of(1, 2, 3), 4)
    expect(() => split(short, { validation: 0 })).toThrow(
      expect.objectContaining({ code: 'too-little-data' }),
    )
    expect(() => split(windows, { validation: 10 })).toThrow(
      expect.objectContaining({ code: 'too-little-data' }),
    )
    expect(() => new Batches(MODEL, short, { batch: 1 })).toThrow(
      expect.objectContaining({ code: 'too-little-data' }),
    )
  })

  it('delivers every window once an epoch, in a new order each', () => {
    const data = new Batches(MODEL, windows, { batch: 5, seed: 1 })
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
    const data = new Batches(MODEL, windows, { batch: 3, seed: 1 })
    const batches = Array.from({ length: 9 }, () => data.next())
    const again = new Batches(MODEL, windows, { batch: 3, seed: 1 })
    again.seek({ epoch: 1, index: 2 })
    expect(again.next()).toEqual(batches[4])
    expect(again.position()).toEqual({ epoch: 1, index: 5, of: 10 })
    for (const bad of [
      { epoch: 0, index: 11 },
      { epoch: 0, index: 3, of: 12 },
    ])
      expect(() => again.seek(bad)).toThrow(expect.objectContaining({ code: 'data-position' }))
  })

  it('validates on every window once, wherever training stands', () => {
    const data = new Batches(MODEL, windows, { batch: 4 })
    data.next()
    const batches = [...data.once()]
    expect(batches.map((b) => b.inputs.input_ids!.shape)).toEqual([
      [4, 4],
      [4, 4],
      [2, 4],
    ])
    expect(batches.flatMap((b) => rows(b.inputs.input_ids!).map(([first]) => first))).toEqual(
      Array.from({ length: 10 }, (_, i) => 4 * i),
    )
  })

  it('fills the last batch of a model of fixed size with rows that do not count', () => {
    const fixed = { ...MODEL, inputs: [{ ...MODEL.inputs[0]!, shape: [4, 4] }] }
    const last = [...new Batches(fixed, windows, { batch: 4 }).once()].at(-1)!
    expect(rows(last.inputs.input_ids!)).toHaveLength(4)
    expect(rows(last.labels!).slice(2)).toEqual([Array(4).fill(IGNORE), Array(4).fill(IGNORE)])
    expect(() => new Batches(fixed, windows, { batch: 3 })).toThrow(
      expect.objectContaining({ code: 'bad-value' }),
    )
  })
})

/** Examples with token 10·i + 1 … of the given lengths; a length of 0 is an example of which nothing counts. */
const examples = (...lengths: number[]): Dataset => ({
  length: lengths.length,
  get(i): Example | null {
    const tokens = Array.from({ length: lengths[i]! }, (_, k) => 10 * i + k + 1)
    return tokens.length > 0 ? { tokens, labels: tokens } : null
  },
  where: (i) => `example ${i}`,
})

describe('examples of which nothing counts', () => {
  it('are left out', () => {
    const data = new Batches(MODEL, examples(2, 0, 2, 0), { batch: 2, shuffle: false })
    expect(rows(data.next().inputs.input_ids!)).toEqual([
      [1, 2],
      [21, 22],
    ])
    expect(rows(data.next().inputs.input_ids!)).toEqual([
      [1, 2],
      [21, 22],
    ])
    expect([...data.once()]).toHaveLength(1)
  })

  it('are refused where there is nothing else', () => {
    const data = new Batches(MODEL, examples(0, 0, 0), { batch: 2 })
    expect(() => data.next()).toThrow(
      expect.objectContaining({
        code: 'nothing-to-train',
        message: expect.stringContaining('none of the 3 examples (example 0 …)') as string,
      }),
    )
  })
})

describe('a random split', () => {
  it('is the same for the same seed, keeps the order and shares nothing', () => {
    const dataset = examples(...Array<number>(50).fill(1))
    const first = (part: Dataset): number[] =>
      Array.from({ length: part.length }, (_, i) => (part.get(i)!.tokens[0]! - 1) / 10)
    const parts = split(dataset, { validation: 0.2, seed: 3 })
    const [train, held] = [first(parts.train), first(parts.validation)]
    expect(held).toHaveLength(10)
    expect(held).not.toEqual(Array.from({ length: 10 }, (_, i) => 40 + i))
    expect([...train, ...held].sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i))
    expect(train).toEqual([...train].sort((a, b) => a - b))
    expect(first(split(dataset, { validation: 0.2, seed: 3 }).validation)).toEqual(held)
    expect(first(split(dataset, { validation: 0.2, seed: 4 }).validation)).not.toEqual(held)
    expect(parts.validation.where(0)).toBe(`example ${held[0]}`)
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
