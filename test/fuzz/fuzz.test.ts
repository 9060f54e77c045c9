/**
 * Mutation fuzzing of the compiler: every damaged model is refused with a code, or compiles to graphs that the verifier
 * accepts and ONNX Runtime loads, in bounded time. `FUZZ_SEEDS=<from>-<to> npx vitest run test/fuzz` looks further.
 */
import fs from 'node:fs'
import path from 'node:path'
import * as ort from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import { encodeModel } from '../../src/onnx/index.js'
import type { Model } from '../../src/ir.js'
import { modelsOf, mutantOf, outcomeOf, type Mutant } from './mutant.js'

const ROOT = path.resolve(import.meta.dirname, '..')
/** Both exporters, static and symbolic shapes, fused and plain operators, and a hand-written model. */
const FIXTURES: Readonly<Record<string, readonly [from: number, to: number]>> = {
  'models/gpt2_ts17.onnx': [0, 40],
  'models/gpt2_static.onnx': [0, 60],
  'models/llama.onnx': [0, 40],
  'ops/microsoft/fixtures/gpt2_fused.onnx': [0, 60],
  'ops/microsoft/fixtures/llama_fused.onnx': [0, 60],
  'runtime/fixtures/tiny.onnx': [0, 300],
}
/** Of those that compile, this many a fixture are loaded by ONNX Runtime. */
const LOADED = 4
/** A mutant takes a fraction of a second; a machine may be busy. */
const SLOWEST_MS = 20_000

function seedsOf(usual: readonly [number, number]): number[] {
  const [from, to] = process.env['FUZZ_SEEDS']?.split('-').map(Number) ?? usual
  return Array.from({ length: to! - from! }, (_, i) => from! + i)
}

const label = ({ seed, what }: Mutant): string => `seed ${seed}: ${what}`

describe.each(Object.entries(FIXTURES))('mutants of %s', (name, usual) => {
  const file = fs.readFileSync(path.join(ROOT, name))
  const seeds = seedsOf(usual)
  const compiled: { mutant: Mutant; models: readonly Model[] }[] = []

  test('are refused with a code, or compile to sound graphs', { timeout: seeds.length * SLOWEST_MS }, () => {
    const defects: string[] = []
    for (const seed of seeds) {
      const mutant = mutantOf(file, seed)
      const start = performance.now()
      const outcome = outcomeOf(mutant)
      const took = performance.now() - start
      if (took > SLOWEST_MS) defects.push(`${label(mutant)} took ${took} ms`)
      if (outcome.kind === 'defect') defects.push(`${label(mutant)}\n${(outcome.error as Error).stack}`)
      if (outcome.kind === 'compiled' && compiled.length < LOADED)
        compiled.push({ mutant, models: modelsOf(outcome.compilation) })
    }
    expect(defects).toEqual([])
  })

  test('that compile are loaded by ONNX Runtime where it loads the mutant', async () => {
    const defects: string[] = []
    for (const { mutant, models } of compiled) {
      if ((await loadError(mutant.bytes)) !== undefined) continue
      for (const model of models) {
        const error = await loadError(encodeModel(model))
        if (error) defects.push(`${label(mutant)}\n${error}`)
      }
    }
    expect(defects).toEqual([])
  })
})

async function loadError(bytes: Uint8Array): Promise<string | undefined> {
  try {
    const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 4 })
    await session.release()
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

test('a seed stands for one mutant', () => {
  const file = fs.readFileSync(path.join(ROOT, 'runtime/fixtures/tiny.onnx'))
  for (let seed = 0; seed < 20; seed++) expect(mutantOf(file, seed)).toEqual(mutantOf(file, seed))
  const what = new Set(Array.from({ length: 60 }, (_, seed) => mutantOf(file, seed).what))
  expect(what.size).toBeGreaterThan(30)
})
