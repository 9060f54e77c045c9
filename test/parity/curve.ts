/** The loss curves that make.py wrote, with the tokens and masks of every step. */
import { readFileSync } from 'node:fs'
import path from 'node:path'

export interface Curve {
  batch: number
  seq: number
  learningRate: number
  weightDecay: number
  /** For every step, a bool per site in execution order; true keeps. */
  masks: boolean[][]
  losses: number[]
}

/** In the file, a mask is a string of 0 and 1. */
type Written = Omit<Curve, 'masks'> & { masks: string[] }

/** The batches of all curves, one after the other (uint16). */
export const TOKENS_FILE = path.join(import.meta.dirname, 'tokens.bin')

/** PyTorch's training of a model of test/models. */
export function readCurve(model: string): Curve {
  const raw = JSON.parse(readFileSync(path.join(import.meta.dirname, `${model}.json`), 'utf8')) as Written
  return { ...raw, masks: raw.masks.map((mask) => [...mask].map((keep) => keep === '1')) }
}
