/** The pure parts of bench/convergence: statistics, budgets, and which trainings are done. */
import { appendFileSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { bundle, firstReach, interpolate, pairedSpread, spread } from '../../bench/convergence/analysis.js'
import { appendLine, readLines, writeLines } from '../../bench/convergence/lines.js'
import { isDone, partOf, readRecord, type Header, type RunLine } from '../../bench/convergence/record.js'
import { ALL_KEPT, runName, runs, settingsOf } from '../../bench/convergence/settings.js'

const directory = mkdtempSync(path.join(os.tmpdir(), 'dropbp-convergence-'))
afterAll(() => rmSync(directory, { recursive: true }))

describe('spread', () => {
  test('is mean, sample deviation and range', () => {
    expect(spread([1, 2, 6])).toEqual({ mean: 3, deviation: Math.sqrt(7), min: 1, max: 6 })
    expect(spread([2])).toEqual({ mean: 2, deviation: null, min: 2, max: 2 })
  })

  test('of pairs is smaller than that of either side where both move together', () => {
    expect(pairedSpread([3, 5, 9], [1, 3, 7])).toEqual({ mean: 2, deviation: 0, min: 2, max: 2 })
    expect(() => pairedSpread([1], [1, 2])).toThrow('cannot be paired')
  })
})

describe('a line through points', () => {
  const falling = [
    { x: 10, y: 4 },
    { x: 20, y: 2 },
    { x: 40, y: 1 },
  ]

  test('has values between its ends only', () => {
    expect(interpolate(falling, 10)).toBe(4)
    expect(interpolate(falling, 15)).toBe(3)
    expect(interpolate(falling, 30)).toBe(1.5)
    expect(interpolate(falling, 40)).toBe(1)
    expect(interpolate(falling, 9)).toBeNull()
    expect(interpolate(falling, 41)).toBeNull()
  })

  test('reaches a level between points, at its start, or never', () => {
    expect(firstReach(falling, 3)).toBe(15)
    expect(firstReach(falling, 1)).toBe(40)
    expect(firstReach(falling, 5)).toBe(10)
    expect(firstReach(falling, 0.9)).toBeNull()
  })

  test('is bundled point by point', () => {
    const other = falling.map(({ x, y }) => ({ x: x + 2, y: y + 1 }))
    expect(bundle([falling, other]).map((p) => [p.x, p.y.mean, p.y.min, p.y.max])).toEqual([
      [11, 4.5, 4, 5],
      [21, 2.5, 2, 3],
      [41, 1.5, 1, 2],
    ])
    expect(() => bundle([falling, other.slice(1)])).toThrow('different lengths')
  })
})

describe('records', () => {
  const header: Header = {
    run: { ...ALL_KEPT, rule: 'official', rate: 0.5, seed: 1 },
    training: { steps: 2, batch: 1, learningRate: 1, warmup: 0, evaluateEvery: 1 },
    context: 4,
    pretrained: 'abc',
  }
  const lines: RunLine[] = [
    { step: 0, validation: 3, gflops: 0 },
    { step: 1, loss: 3.1, gradientNorm: 1, dropped: 0.25, gflops: 5 },
    { step: 1, rates: [0.5, 0.4], sensitivities: [1, 2] },
    { step: 2, loss: 2.9, gradientNorm: 1, dropped: 0.75, gflops: 8 },
    { step: 2, validation: 2.5, gflops: 8 },
  ]

  test('are done when the end is written, not before', () => {
    const file = path.join(directory, 'run.jsonl')
    writeLines(partOf(file), [header, ...lines])
    expect(isDone(file, header)).toBe(false)
    expect(() => readRecord(partOf(file))).toThrow('not a complete record')
    appendLine(partOf(file), { end: true, seconds: 1.5 })
    renameSync(partOf(file), file)
    expect(isDone(file, header)).toBe(true)
    expect(readRecord(file)).toEqual({
      header,
      validation: [
        { step: 0, loss: 3, gflops: 0 },
        { step: 2, loss: 2.5, gflops: 8 },
      ],
      dropped: 0.5,
      rates: [0.5, 0.4],
      measuredAt: 1,
      seconds: 1.5,
    })
  })

  test('of another training are not taken for this one', () => {
    const file = path.join(directory, 'other.jsonl')
    writeLines(file, [header, ...lines, { end: true, seconds: 1 }])
    expect(() => isDone(file, { ...header, pretrained: 'def' })).toThrow('other settings')
    expect(() => isDone(file, { ...header, run: { ...header.run, seed: 2 } })).toThrow('other settings')
  })

  test('a line that a crash cut off is left out', () => {
    const file = path.join(directory, 'cut.jsonl')
    writeLines(file, [{ step: 1 }, { step: 2 }])
    appendFileSync(file, '{"step":3,"lo')
    expect(readLines(file)).toEqual([{ step: 1 }, { step: 2 }])
    expect(readLines(path.join(directory, 'absent.jsonl'))).toEqual([])
  })
})

describe('the trainings of a comparison', () => {
  test('have names of their own; rate 0 is trained once for all rules', () => {
    const settings = settingsOf(false)
    const names = runs(settings).map(runName)
    expect(new Set(names).size).toBe(names.length)
    const rates = runs(settings).filter((run) => run.share === 1)
    expect(rates).toHaveLength(settings.seeds.length * (1 + 3 * settings.rates.length))
    expect(rates.filter((run) => run.rate === 0)).toHaveLength(settings.seeds.length)
  })
})
