/**
 * OPT-1.3B: weights and artifacts beyond the 2 GB that a protobuf holds. With LARGE_MODELS=1 in its true size, which takes
 * minutes and 16 GB of disk; else the same at a size at which nothing has to be external.
 */
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { openCompiled, SafetensorsFile, Trainer, type Batch } from '../../../runtime/index.js'
import { loadModel } from '../../../src/onnx/index.js'
import { temporaryFolder } from './fixture.js'
import { OPT_1_3B, writeOpt, type OptSizes } from './opt.js'

const ROOT = path.resolve(import.meta.dirname, '../../..')
const IS_LARGE = process.env.LARGE_MODELS === '1'
const TINY: OptSizes = { layers: 2, hidden: 64, heads: 2, inner: 256, vocabulary: 4096, positions: 34 }
const SIZES = IS_LARGE ? OPT_1_3B : TINY
const GIB = 2 ** 30
/** The process of the compiler may hold this much, weights of 5 GB or not. */
const MEMORY = 1.5 * GIB
const MINUTES = 60_000

/** Compiles in a process of its own; returns the most memory that it held, in bytes. */
function compileApart(file: string, directory: string, ...flags: string[]): number {
  const note = path.join(path.dirname(directory), 'memory')
  const atExit = `process.on('exit', () => require('node:fs').writeFileSync(${JSON.stringify(note)}, String(process.resourceUsage().maxRSS)))`
  const hook = path.join(path.dirname(directory), 'hook.cjs')
  fs.writeFileSync(hook, atExit)
  const command = path.join(ROOT, 'src/cli/dropbp-compile.ts')
  const args = [
    '--require',
    hook,
    '--import',
    'tsx',
    command,
    file,
    '-o',
    directory,
    '--loss',
    'causal-lm',
    ...flags,
  ]
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' })
  expect(stderr).toBe('')
  expect(status).toBe(0)
  return Number(fs.readFileSync(note, 'utf8')) * 1024
}

const sizeOf = (...parts: string[]): number => fs.statSync(path.join(...parts)).size

/** Tokens 3, 4, 5, … in one row. */
function batchOf(length: number): Batch {
  const ids = BigInt64Array.from({ length }, (_, i) => BigInt(3 + i))
  const tensor = (data: BigInt64Array) => ({ dtype: 'int64', shape: [1, length], data })
  return {
    inputs: { input_ids: tensor(ids), attention_mask: tensor(new BigInt64Array(length).fill(1n)) },
    labels: tensor(ids),
  }
}

test(
  'compiles in bounded memory, into files that protobuf can hold',
  () => {
    const folder = temporaryFolder()
    const { file, bytes } = writeOpt(folder, SIZES)
    if (IS_LARGE) expect(bytes).toBeGreaterThan(5e9)
    const directory = path.join(folder, 'opt.dropbp')
    expect(compileApart(file, directory)).toBeLessThan(MEMORY)

    const { manifest } = openCompiled(directory)
    expect(manifest.sites.map((s) => s.kind)).toEqual(
      Array.from({ length: SIZES.layers }, () => ['attention', 'mlp']).flat(),
    )
    const checkpoint = SafetensorsFile.open(path.join(directory, manifest.checkpoint))
    expect(checkpoint.names.sort()).toEqual(manifest.parameters.map((p) => p.name).sort())
    checkpoint.close()
    expect(sizeOf(directory, manifest.checkpoint)).toBeGreaterThan(bytes)
    for (const model of Object.values(manifest.models)) {
      if (IS_LARGE) expect(sizeOf(directory, model), model).toBeLessThan(2 ** 24)
      loadModel(path.join(directory, model))
    }
    // Parameters are inputs of all graphs but the annotated one, whose weights lie beside it.
    expect(sizeOf(directory, 'weights.data')).toBeGreaterThanOrEqual(bytes - 2 ** 22)
  },
  20 * MINUTES,
)

test(
  'trains its last layer with the others frozen: a training graph whose weights are beyond 2 GB',
  async () => {
    const folder = temporaryFolder()
    const { file } = writeOpt(folder, SIZES)
    const directory = path.join(folder, 'opt.dropbp')
    compileApart(file, directory, '--train', `model.decoder.layers.${SIZES.layers - 1}`)
    const trainer = await Trainer.open(directory, { steps: 2, learningRate: 1e-3, session: { threads: 2 } })
    const keep = trainer.compiled.manifest.sites.map(() => true)
    const { loss, skipped } = await trainer.trainStep([batchOf(8)], [keep])
    await trainer.release()
    // Weights of zeros give every token the same chance.
    expect(loss).toBeCloseTo(Math.log(SIZES.vocabulary), 4)
    expect(skipped).toBeNull()
  },
  20 * MINUTES,
)
