/** The record of a fine-tuning: a file of JSON lines, whose first line says what was trained. */
import { existsSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { readLines } from './lines.js'
import { RULES, type Run, type TrainingSettings } from './settings.js'

/** What was trained; a record with another header is another experiment's. */
export interface Header {
  run: Run
  training: TrainingSettings
  /** Tokens of a row. */
  context: number
  /** SHA-256 of the pretrained model. */
  pretrained: string
}

/** A step, a validation, drop rates that were assigned, and the end. `gflops` are those of all steps so far. */
export type RunLine =
  | { step: number; loss: number; gradientNorm: number; dropped: number; gflops: number }
  | { step: number; validation: number; gflops: number }
  | { step: number; rates: number[]; sensitivities: number[] | null }
  | { end: true; seconds: number }

/** A point of a validation curve. */
export interface ValidationPoint {
  step: number
  loss: number
  gflops: number
}

/** A complete record, taken apart. */
export interface RunRecord {
  header: Header
  /** Ascending, from step 0 to the last one. */
  validation: ValidationPoint[]
  /** Mean share of the branches' backward FLOPs that was dropped. */
  dropped: number
  /** The rates assigned last; null where they stayed uniform. */
  rates: number[] | null
  /** The step before which the official sensitivities were measured; null where they were not. */
  measuredAt: number | null
  seconds: number
}

/** The name of a record that is being written. */
export const partOf = (file: string): string => `${file}.part`

/**
 * Whether the record of this training is there and complete.
 * @throws Error where another training's has its name
 */
export function isDone(file: string, header: Header): boolean {
  if (!existsSync(file)) return false
  const [found] = readLines<Header>(file)
  if (isDeepStrictEqual(found, header)) return true
  throw new Error(
    `${file} was made with other settings or another pretrained model: move it away, or choose another --directory`,
  )
}

/** @throws Error where it is not there or not complete */
export function readRecord(file: string): RunRecord {
  const [header, ...lines] = readLines<Header & RunLine>(file)
  const end = lines.at(-1)
  if (!header || !end || !('end' in end))
    throw new Error(`${file}: not a complete record; run the fine-tunings first`)
  const assigned = lines.filter((line) => 'rates' in line)
  const dropped = lines.flatMap((line) => ('dropped' in line ? [line.dropped] : []))
  return {
    header,
    validation: lines.flatMap((line) =>
      'validation' in line ? [{ step: line.step, loss: line.validation, gflops: line.gflops }] : [],
    ),
    dropped: dropped.reduce((a, b) => a + b, 0) / dropped.length,
    rates: assigned.at(-1)?.rates ?? null,
    measuredAt: (RULES[header.run.rule].rates === 'sensitivity' && assigned[0]?.step) || null,
    seconds: end.seconds,
  }
}
