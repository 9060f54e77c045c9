/** The hand-written compiled directory of `fixtures/make.py`, and what PyTorch makes of it. */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll } from 'vitest'
import { Batches, readTokens, TokenWindows, Trainer, type TrainerOptions } from '../../runtime/index.js'

export const FIXTURES = path.join(import.meta.dirname, 'fixtures')
export const TINY = path.join(FIXTURES, 'tiny.dropbp')
export const SOURCE = path.join(FIXTURES, 'tiny.onnx')
export const TOKENS = path.join(FIXTURES, 'tokens.bin')

export interface Reference {
  batch: number
  seq: number
  learningRate: number
  weightDecay: number
  masks: boolean[][]
  runs: Record<string, { accumulate: number; clip: number; losses: number[]; norms: number[] }>
}

export const reference = JSON.parse(
  fs.readFileSync(path.join(FIXTURES, 'reference.json'), 'utf8'),
) as Reference

/** A trainer on the tiny model with one thread, released after the test file. */
export async function openTiny(options: Partial<TrainerOptions> = {}, directory = TINY): Promise<Trainer> {
  const trainer = await Trainer.open(directory, {
    steps: 24,
    learningRate: reference.learningRate,
    hyperparameters: { weight_decay: reference.weightDecay },
    session: { threads: 1, spin: false },
    ...options,
  })
  open.push(trainer)
  return trainer
}

const open: Trainer[] = []
afterAll(() => Promise.all(open.splice(0).map((trainer) => trainer.release())))

/** Batches of the token fixture, 2 windows of 8 each. */
export function tinyData(trainer: Trainer, options: { shuffle?: boolean; seed?: number } = {}): Batches {
  const windows = new TokenWindows(readTokens(TOKENS), reference.seq)
  return new Batches(trainer.compiled.manifest, windows, { batch: reference.batch, ...options })
}

/** A directory that is removed after the test file. */
export function temporaryDirectory(): string {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'dropbp-runtime-'))
  afterAll(() => fs.rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** A copy of the tiny directory, to damage. */
export function copyTiny(): string {
  const directory = path.join(temporaryDirectory(), 'tiny.dropbp')
  fs.cpSync(TINY, directory, { recursive: true })
  return directory
}
