/** The pure parts of bench/training: the matrix, who takes turns with whom, which measurements are done, and the report. */
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { cellName, cellsOf, WHOLE_MATRIX, type Cell } from '../../bench/training/cells.js'
import { groupsOf, orderOf } from '../../bench/training/measure.js'
import { readOptions } from '../../bench/training/options.js'
import { isDone, Places, writeJson, type Pairing, type Round } from '../../bench/training/record.js'
import { renderReport } from '../../bench/training/report.js'
import { productsOf } from '../../bench/training/roofline.js'
import { variantOf } from '../../bench/training/variants.js'
import type { ParameterSpec } from '../../runtime/index.js'

const directory = mkdtempSync(path.join(os.tmpdir(), 'dropbp-bench-'))
afterAll(() => rmSync(directory, { recursive: true }))

const CELL: Cell = { model: 'gpt2', mode: 'full', batch: 1, seq: 512, rate: 0.5 }
const SETTING = { size: 'full', threads: 2 } as const

function round(base: number, rival: number): Round {
  return { base: { ms: base, loss: 1 }, rival: { ms: rival, loss: 1 }, flops: 1e9 }
}

function pairing(rival: string, result: Pairing['result']): Pairing {
  const about = { machine: 'a machine', backend: 'native session', load: 0.1 }
  return { cell: CELL, setting: SETTING, base: 'dropbp', rival, ...about, result }
}

const memory = { base: { empty: 1e8, peak: 5e8 }, rival: { empty: 3e8, peak: 9e8 } }

describe('the command line', () => {
  test('a few cells and variants by default, with --all every one', () => {
    const few = readOptions([])
    expect(cellsOf(few.matrix).map(cellName)).toEqual(
      ['0', '0.5', '0.75', '0.9'].map((rate) => `gpt2-full-1x512-${rate}`),
    )
    expect([few.base, ...few.rivals].map((v) => v.name)).toEqual(['dropbp', 'sdpa', 'sdpa+malloc'])
    const all = readOptions(['--all'])
    expect(cellsOf(all.matrix)).toEqual(cellsOf(WHOLE_MATRIX))
    expect(new Set(cellsOf(all.matrix).map(cellName)).size).toBe(32)
  })

  test('flags narrow it down', () => {
    const options = readOptions(
      '--all --models llama --modes lora --shapes 4x128 --rates 0.25 --variants kernels,bf16'.split(' '),
    )
    expect(cellsOf(options.matrix).map(cellName)).toEqual(['llama-lora-4x128-0.25'])
    expect(options.base.name).toBe('kernels')
  })

  test.each([
    [['--models', 'bert'], '--models bert: expected some of gpt2, llama'],
    [['--shapes', '512'], '--shapes 512: expected batch x tokens'],
    [['--rates', '1'], '--rates 1: expected a number from 0 to 0.9'],
    [['--rates', 'half'], '--rates NaN'],
    [['--rounds', '0'], '--rounds 0: expected a whole number above 0'],
    [['--variants', 'dropbp'], '--variants needs two at least'],
    [['--variants', 'dropbp,jax'], 'there is no variant "jax"'],
  ])('%j is refused', (args, message) => {
    expect(() => readOptions(args)).toThrow(message)
  })
})

test('+malloc adds to the environment and nothing else', () => {
  const [plain, keeping] = [variantOf('eager'), variantOf('eager+malloc')]
  expect(plain.environment).toEqual({})
  expect(Object.keys(keeping.environment)).toEqual(['MALLOC_MMAP_THRESHOLD_', 'MALLOC_TRIM_THRESHOLD_'])
  expect(keeping.flags).toEqual(plain.flags)
})

describe('turns', () => {
  test('of two are ABBA', () => {
    expect([0, 1, 2, 3].map((r) => orderOf(2, r))).toEqual([
      [0, 1],
      [1, 0],
      [1, 0],
      [0, 1],
    ])
  })

  test.each([3, 4, 5])('of %i: everyone is at every place equally often', (n) => {
    const orders = Array.from({ length: 2 * n }, (_, r) => orderOf(n, r))
    for (const order of orders) expect([...order].sort()).toEqual([...Array(n).keys()])
    for (let place = 0; place < n; place++)
      expect(orders.map((order) => order[place]).sort()).toEqual([...Array(2 * n).keys()].map((i) => i >> 1))
  })

  test('a group leaves room for the base', () => {
    expect(groupsOf(['a', 'b', 'c', 'd', 'e'], 4)).toEqual([
      ['a', 'b', 'c'],
      ['d', 'e'],
    ])
    expect(groupsOf(['a', 'b'], 2)).toEqual([['a'], ['b']])
    expect(groupsOf([], 4)).toEqual([])
  })
})

test('products are those of linear layers and the head, each shape once', () => {
  const parameter = (name: string, shape: number[], sites: string[]) =>
    ({ name, shape, sites }) as unknown as ParameterSpec
  const parameters = [
    parameter('wte', [1000, 8], []),
    parameter('wpe', [64, 8], []),
    parameter('0.fc', [8, 32], ['0.mlp']),
    parameter('0.fc.lora_A', [8, 2], ['0.mlp']),
    parameter('0.ln', [8], ['0.mlp']),
    parameter('1.fc', [8, 32], ['1.mlp']),
  ]
  const manifest = { parameters, loss: { classes: 1000 } }
  const products = productsOf({ directory: '', manifest } as unknown as Parameters<typeof productsOf>[0], 16)
  expect(products).toEqual([
    { operation: 'forward', m: 16, k: 8, n: 1000 },
    { operation: 'input', m: 16, k: 1000, n: 8 },
    { operation: 'weight', m: 8, k: 16, n: 1000 },
    { operation: 'forward', m: 16, k: 8, n: 32 },
    { operation: 'input', m: 16, k: 32, n: 8 },
    { operation: 'weight', m: 8, k: 16, n: 32 },
  ])
})

describe('records', () => {
  const places = new Places(path.join(directory, 'records'))
  const fileOf = (rival: string): string => places.pairing(CELL, 'dropbp', rival)

  test('what has fewer rounds, or was absent, is measured again', () => {
    const result = { rounds: [round(1, 2), round(1, 2)], dropped: 0.5, memory }
    writeJson(fileOf('sdpa'), pairing('sdpa', result))
    writeJson(fileOf('compile'), pairing('compile', { absent: 'no compiler' }))
    expect(isDone(fileOf('sdpa'), SETTING, 2)).toBe(true)
    expect(isDone(fileOf('sdpa'), SETTING, 3)).toBe(false)
    expect(isDone(fileOf('compile'), SETTING, 1)).toBe(false)
    expect(isDone(fileOf('eager'), SETTING, 1)).toBe(false)
    expect(() => isDone(fileOf('sdpa'), { ...SETTING, threads: 4 }, 2)).toThrow('choose another --directory')
  })
})

describe('the report', () => {
  const places = new Places(path.join(directory, 'report'))

  test('says so where there is nothing', () => {
    expect(() => renderReport(places)).toThrow('has no measurements')
  })

  test('ratios are of rounds, memory above the empty process, the roofline over the step', () => {
    const rounds = [round(100, 200), round(100, 400), round(300, 300)]
    writeJson(places.pairing(CELL, 'dropbp', 'sdpa'), pairing('sdpa', { rounds, dropped: 0.48, memory }))
    const absent = pairing('compile', { absent: 'compile ended (exit code 1): no compiler' })
    writeJson(places.pairing(CELL, 'dropbp', 'compile'), absent)
    const products = [{ operation: 'forward', m: 1, k: 1, n: 1, gflops: 100 }]
    writeJson(places.roofline(CELL), { threads: 2, products, peak: 1e11 })
    const lines = renderReport(places).split('\n')
    expect(lines).toContain('| GPT-2 | full fine-tuning | 1×512 | 0.5 | 100 | 0.50 | – |')
    expect(lines).toContain('| 0.5 | 48% | dropbp | 100 | 100–200 | 1 |  |  | 500 | 400 | 0.10 |')
    expect(lines).toContain(
      '|  |  | sdpa | 300 | 250–350 | 0.50 | 0.38–0.75 | 0.25–1.00 | 900 | 600 | 0.03 |',
    )
    expect(lines).toContain('- compile: compile ended (exit code 1): no compiler (gpt2-full-1x512-0.5)')
  })
})
