/** What `dropbp-train` is told: flags over a checkpoint's settings over defaults, checked. */
import path from 'node:path'
import { UsageError } from '../../errors.js'
import type { PolicyName, ScheduleKind } from '../../../runtime/index.js'

/** Settings that a checkpoint keeps, so that `--resume` needs no flags. */
export interface TrainSettings {
  data: string
  validationData?: string
  validation: number
  tokenizer?: string
  binType: 'uint16' | 'uint32'
  seq?: number
  batch?: number
  accumulate: number
  steps?: number
  epochs: number
  learningRate?: number
  schedule: ScheduleKind
  warmup: number
  weightDecay?: number
  clip: number
  seed: number
  dropRate: number
  rates: 'uniform' | 'sensitivity'
  minRate: number
  maxRate: number
  policy: PolicyName
  sensitivityAt: number
  evaluateEvery?: number
  saveEvery?: number
  keep: number
}

/** Flags as given; absent ones are undefined. */
export type GivenSettings = Partial<TrainSettings>

export const DEFAULTS: Omit<TrainSettings, 'data'> = {
  validation: 0.05,
  binType: 'uint16',
  accumulate: 1,
  epochs: 1,
  schedule: 'cosine',
  warmup: 0.05,
  clip: 1,
  seed: 0,
  dropRate: 0.5,
  rates: 'uniform',
  minRate: 0,
  maxRate: 0.9,
  policy: 'budget',
  sensitivityAt: 0.1,
  keep: 2,
}

/**
 * Puts flags over stored settings over defaults.
 * @throws UsageError `missing-data`, `bad-value`
 */
export function resolveSettings(given: GivenSettings, stored: GivenSettings | null): TrainSettings {
  const defined = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  const settings = { ...DEFAULTS, ...stored, ...defined } as TrainSettings
  // A length given in epochs replaces a stored one in steps.
  if (given.epochs !== undefined && given.steps === undefined) delete settings.steps
  if (settings.data === undefined) {
    throw new UsageError('missing-data', 'nothing to train on: name a text or token file with --data')
  }
  for (const key of ['data', 'validationData'] as const) {
    if (settings[key] !== undefined) settings[key] = path.resolve(settings[key])
  }
  if (settings.tokenizer !== undefined && settings.tokenizer !== 'bytes')
    settings.tokenizer = path.resolve(settings.tokenizer)
  checkSettings(settings)
  return settings
}

type NumberKey = {
  [K in keyof TrainSettings]-?: NonNullable<TrainSettings[K]> extends number ? K : never
}[keyof TrainSettings]

interface Range {
  flag: string
  min: number
  /** Exclusive. */
  below?: number
  integer?: boolean
}

const RANGES: Partial<Record<NumberKey, Range>> = {
  validation: { flag: 'validation', min: 0, below: 1 },
  seq: { flag: 'seq', min: 1, integer: true },
  batch: { flag: 'batch', min: 1, integer: true },
  accumulate: { flag: 'accumulate', min: 1, integer: true },
  steps: { flag: 'steps', min: 1, integer: true },
  epochs: { flag: 'epochs', min: Number.MIN_VALUE },
  learningRate: { flag: 'learning-rate', min: 0 },
  warmup: { flag: 'warmup', min: 0 },
  weightDecay: { flag: 'weight-decay', min: 0 },
  clip: { flag: 'clip', min: 0 },
  seed: { flag: 'seed', min: 0, integer: true },
  sensitivityAt: { flag: 'sensitivity-at', min: 0, below: 1 },
  evaluateEvery: { flag: 'evaluate-every', min: 1, integer: true },
  saveEvery: { flag: 'save-every', min: 1, integer: true },
  keep: { flag: 'keep', min: 1, integer: true },
}

function checkSettings(settings: TrainSettings): void {
  for (const [key, range] of Object.entries(RANGES)) checkRange(settings[key as NumberKey], range)
}

/** @throws UsageError `bad-value` */
export function checkRange(value: number | undefined, { flag, min, below = Infinity, integer }: Range): void {
  if (value === undefined) return
  if (value >= min && value < below && (!integer || Number.isInteger(value))) return
  const kind = integer ? 'a whole number' : 'a number'
  const bounds =
    min === Number.MIN_VALUE ? 'above 0' : `from ${min}${below < Infinity ? ` to below ${below}` : ''}`
  throw new UsageError('bad-value', `--${flag} ${value}: expected ${kind} ${bounds}`)
}

/** Steps of warm-up: a number below 1 is a share of the training. */
export function warmupSteps(warmup: number, steps: number): number {
  return warmup < 1 ? Math.floor(warmup * steps) : warmup
}
