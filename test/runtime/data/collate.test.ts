/** Batches of rows: masks, positions, labels, packing. */
import { afterAll, describe, expect, it } from 'vitest'
import { compile } from '../../../src/index.js'
import { parseModel } from '../../../src/text.js'
import {
  Batches,
  collate,
  countedLabels,
  IGNORE,
  packRows,
  Random,
  Trainer,
  type Batch,
  type Dataset,
  type Example,
  type HostTensor,
} from '../../../runtime/index.js'
import { temporaryDirectory } from '../tiny.js'
import { int64, MODEL, rows, type Part } from './files.js'

const X = IGNORE
const example = (...tokens: number[]): Example => ({ tokens, labels: tokens })
const pairs = (dtype: string, rank: 3 | 4 = 4) => ({
  name: 'attention_mask',
  dtype,
  shape: ['batch', ...(rank === 4 ? [1] : []), 'seq', 'seq'],
})
const packed: Part = { ...MODEL, inputs: [int64('input_ids', 100), int64('position_ids'), pairs('bool')] }

/** The [length, length] matrices of a mask as text: `#` where a position (row) sees another (column). */
function drawn({ data, shape }: HostTensor, seen: number | bigint): string[][] {
  const n = shape.at(-1)!
  return Array.from({ length: shape[0]! }, (_, r) =>
    Array.from({ length: n }, (_, q) =>
      Array.from({ length: n }, (_, k) => (data[(r * n + q) * n + k] === seen ? '#' : '.')).join(''),
    ),
  )
}

describe('a row of two examples and padding', () => {
  const batch = collate(packed, [[example(1, 2), example(3, 4)], [example(5, 6, 7, 8, 9)]])

  it('starts positions afresh, and does not predict a beginning from the end before', () => {
    expect(rows(batch.inputs.input_ids!)).toEqual([
      [1, 2, 3, 4, 0],
      [5, 6, 7, 8, 9],
    ])
    expect(rows(batch.inputs.position_ids!)).toEqual([
      [0, 1, 0, 1, 0],
      [0, 1, 2, 3, 4],
    ])
    expect(rows(batch.labels!)).toEqual([
      [1, 2, X, 4, X],
      [5, 6, 7, 8, 9],
    ])
    expect(countedLabels(packed, batch)).toBe(1 + 1 + 4)
  })

  it('lets a position see its own example up to itself', () => {
    expect(batch.inputs.attention_mask!.shape).toEqual([2, 1, 5, 5])
    expect(drawn(batch.inputs.attention_mask!, 1)).toEqual([
      ['#....', '##...', '..#..', '..##.', '....#'],
      ['#....', '##...', '###..', '####.', '#####'],
    ])
  })

  it('mixed, goes on with positions and sees what is before', () => {
    const mixed = collate(packed, [[example(1, 2), example(3, 4)]], { packing: 'mixed' })
    expect(rows(mixed.inputs.position_ids!)).toEqual([[0, 1, 2, 3]])
    expect(drawn(mixed.inputs.attention_mask!, 1)).toEqual([['#...', '##..', '###.', '####']])
    expect(rows(mixed.labels!)).toEqual([[1, 2, X, 4]])
  })

  it.each<[string, number | bigint, number | bigint]>([
    ['float32', 0, Math.fround(-3.4028234663852886e38)],
    ['float64', 0, -Number.MAX_VALUE],
    ['float16', 0, 0xfbff],
    ['bfloat16', 0, 0xff7f],
    ['int64', 1n, 0n],
    ['bool', 1, 0],
  ])('in %s', (dtype, seen, unseen) => {
    const { attention_mask: mask } = collate({ ...MODEL, inputs: [int64('input_ids'), pairs(dtype, 3)] }, [
      [example(1, 2), example(3, 4)],
    ]).inputs
    expect(mask).toMatchObject({ dtype, shape: [1, 4, 4] })
    expect(drawn(mask!, seen)).toEqual([['#...', '##..', '..#.', '..##']])
    expect([...mask!.data].filter((v) => v !== seen)).toEqual(Array(16 - 6).fill(unseen))
  })

  it('of a model that sees both ways, sees its own example', () => {
    const both = { ...packed, loss: { ...packed.loss, kind: 'token' as const } }
    const mask = collate(both, [[example(1, 2)], [example(3, 4, 5)]]).inputs.attention_mask!
    expect(drawn(mask, 1)).toEqual([
      ['##.', '##.', '..#'],
      ['###', '###', '###'],
    ])
  })

  it('a float mask of rank 2 has ones', () => {
    const half = { ...MODEL, inputs: [int64('input_ids'), { ...int64('attention_mask'), dtype: 'float16' }] }
    expect([...collate(half, [[example(1)], [example(1, 2)]]).inputs.attention_mask!.data]).toEqual([
      0x3c00, 0, 0x3c00, 0x3c00,
    ])
  })
})

describe('packing', () => {
  it('fills rows, the longest first, and keeps the order', () => {
    expect(packRows([5, 3, 8, 2, 4, 1], 8)).toEqual([[0, 1], [2], [3, 4, 5]])
    expect(packRows([], 8)).toEqual([])
  })

  it('puts every example into one row that has room, nearly as full as can be', () => {
    const random = Random.seeded(2)
    const lengths = Array.from({ length: 400 }, () => 1 + random.below(100))
    const packedRows = packRows(lengths, 128)
    expect(packedRows.flat().sort((a, b) => a - b)).toEqual(lengths.map((_, i) => i))
    for (const row of packedRows) expect(row.reduce((n, i) => n + lengths[i]!, 0)).toBeLessThanOrEqual(128)
    const total = lengths.reduce((a, b) => a + b, 0)
    expect(packedRows.length).toBeLessThanOrEqual(Math.ceil(total / 128) * 1.03)
  })

  const many: Dataset = {
    length: 1200,
    get: (i) =>
      i % 50 === 7 ? null : example(...Array.from({ length: 1 + ((i * 7) % 12) }, () => 1 + (i % 99))),
    where: (i) => `example ${i}`,
  }
  const open = () => new Batches(packed, many, { batch: 3, seed: 4, packing: 'isolated', capacity: 16 })

  it('delivers every example once an epoch', () => {
    const seen: number[] = []
    const data = open()
    const perEpoch = data.rowsPerEpoch()
    for (let row = 0; row < perEpoch; row += 3) {
      const batch = data.next()
      rows(batch.inputs.position_ids!).forEach((positions, r) =>
        positions.forEach((p, i) => {
          if (p === 0 && rows(batch.inputs.input_ids!)[r]![i]! > 0)
            seen.push(rows(batch.inputs.input_ids!)[r]![i]!)
        }),
      )
    }
    const expected = Array.from({ length: 1200 }, (_, i) => i).filter((i) => many.get(i))
    // The last batch may reach into the next epoch.
    expect(seen.length - expected.length).toBeGreaterThanOrEqual(0)
    expect(seen.length - expected.length).toBeLessThan(3 * 16)
    expect(data.position().epoch).toBeLessThanOrEqual(1)
    const counts = (values: number[]) =>
      Array.from({ length: 100 }, (_, t) => values.filter((v) => v === t).length)
    counts(expected.map((i) => 1 + (i % 99))).forEach((n, t) =>
      expect(counts(seen)[t]).toBeGreaterThanOrEqual(n),
    )
  })

  it('goes on from every position, bit for bit, across windows and epochs', () => {
    const data = open()
    const batches: Batch[] = []
    const positions = []
    while (batches.length < 400) {
      positions.push(JSON.stringify(data.position()))
      batches.push(data.next())
    }
    expect(data.position().epoch).toBeGreaterThan(0)
    for (const at of [0, 1, 60, 61, 62, 63, 64, 65, 120, 180, 199, 200, 201, 333, 399]) {
      const again = open()
      again.seek(JSON.parse(positions[at]!) as ReturnType<typeof data.position>)
      for (const batch of batches.slice(at, at + 3)) expect(again.next()).toEqual(batch)
    }
  })
})

/** One layer of attention under a mask of pairs, with learned positions. */
function program(): string {
  const random = Random.seeded(1)
  const weight = (name: string, ...shape: number[]): string => {
    const values = Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () =>
      (random.uniform() - 0.5).toFixed(3),
    )
    return `float[${shape.join(', ')}] ${name} = {${values.join(', ')}}`
  }
  const weights = [
    weight('wte', 12, 8),
    weight('wpe', 16, 8),
    ...['wq', 'wk', 'wv', 'wo'].map((name) => weight(name, 8, 8)),
    weight('head', 8, 12),
  ]
  return `g (int64[batch, seq] input_ids, int64[batch, seq] position_ids, float[batch, 1, seq, seq] attention_mask)
    => (float[batch, seq, 12] logits) <${weights.join(', ')}, int64[1] axis = {1}> {
    t = Gather (wte, input_ids)  p = Gather (wpe, position_ids)  x = Add (t, p)
    q = MatMul (x, wq)  k = MatMul (x, wk)  v = MatMul (x, wv)
    kt = Transpose <perm = [0, 2, 1]> (k)  s = MatMul (q, kt)
    m = Squeeze (attention_mask, axis)  sm = Add (s, m)  a = Softmax <axis = -1> (sm)
    c = MatMul (a, v)  o = MatMul (c, wo)  y = Add (x, o)  logits = MatMul (y, head) }`
}

describe('examples in one row of a model with a mask of pairs', () => {
  const open: Trainer[] = []
  afterAll(() => Promise.all(open.map((trainer) => trainer.release())))

  async function step(batches: readonly Batch[], directory: string) {
    const trainer = await Trainer.open(directory, {
      steps: 1,
      learningRate: 0,
      session: { threads: 1 },
      dropbp: { dropRate: 0 },
    })
    open.push(trainer)
    return trainer.trainStep(batches)
  }

  it('do not see each other: loss and gradient are those of rows of their own; mixed, they are not', async () => {
    const directory = `${temporaryDirectory()}/packed.dropbp`
    const compilation = compile(parseModel(program()), { loss: { kind: 'causal-lm' } })
    compilation.write(directory)
    const { manifest } = compilation
    const examples = [example(1, 2, 3), example(4, 5, 6, 7), example(8, 9), example(10, 11, 0, 1, 2)]
    const alone = await step(
      examples.map((e) => collate(manifest, [[e]])),
      directory,
    )
    const padded = await step(
      [
        collate(
          manifest,
          examples.map((e) => [e]),
          { length: 9 },
        ),
      ],
      directory,
    )
    const together = await step([collate(manifest, [examples.slice(0, 3), examples.slice(3)])], directory)
    const mixed = await step(
      [collate(manifest, [examples.slice(0, 3), examples.slice(3)], { packing: 'mixed' })],
      directory,
    )
    for (const { loss, gradientNorm } of [padded, together]) {
      expect(loss / alone.loss).toBeCloseTo(1, 6)
      expect(gradientNorm / alone.gradientNorm).toBeCloseTo(1, 5)
    }
    expect(Math.abs(mixed.loss / alone.loss - 1)).toBeGreaterThan(1e-3)
  })
})
