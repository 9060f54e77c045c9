/** Raw measurements: a file for every cell and pair of variants, so that whatever is done need not be done again. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { StepReply } from '../rival.js'
import { cellName, type Cell, type Size } from './cells.js'

/** What measurements in one directory have in common. */
export interface Setting {
  size: Size
  threads: number
}

/** Bytes of a process: before it loaded the model, and the peak during its steps. */
export interface Use {
  empty: number
  peak: number
}

/** One round: a step of both, and the FLOPs that its mask leaves. */
export interface Round {
  base: StepReply
  rival: StepReply
  flops: number
}

/** Two variants in a cell. */
export interface Pairing {
  cell: Cell
  setting: Setting
  base: string
  rival: string
  /** Processor and versions. */
  machine: string
  /** What the base runs on, in its own words. */
  backend: string
  /** The system's load when it began, the average over a minute. */
  load: number
  result: Measured | Absent
}

export interface Measured {
  rounds: Round[]
  /** Share of the whole backward's FLOPs that the masks dropped. */
  dropped: number
  memory: { base: Use; rival: Use }
  /** Seconds that the rival took to compile beforehand. */
  prepared?: number
}

/** A rival that could not be measured. */
export interface Absent {
  absent: string
}

/** Where everything lies in a directory of results. */
export class Places {
  constructor(readonly directory: string) {}

  /** Exported and compiled models: large, and made again when missing. */
  model(name: string): string {
    return path.join(this.directory, 'models', name)
  }

  pairing(cell: Cell, base: string, rival: string): string {
    return path.join(this.pairings, cellName(cell), `${base}-and-${rival}.json`)
  }

  get pairings(): string {
    return path.join(this.directory, 'cells')
  }

  /** A model's linear layers have the same shapes in all modes, and with the same number of tokens. */
  roofline({ model, batch, seq }: Cell): string {
    return path.join(this.directory, 'rooflines', `${model}-${batch * seq}.json`)
  }

  get compilations(): string {
    return path.join(this.directory, 'compilations')
  }
}

/** Writes a file whole or not at all. */
export function writeJson(file: string, value: unknown): void {
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(`${file}.part`, `${JSON.stringify(value)}\n`)
  renameSync(`${file}.part`, file)
}

export function readJson<T>(file: string): T {
  return JSON.parse(readFileSync(file, 'utf8')) as T
}

export function isMeasured(result: Pairing['result']): result is Measured {
  return 'rounds' in result
}

/**
 * Whether a pairing was measured in as many rounds. One that was absent is tried again.
 * @throws Error where the directory has measurements of another setting
 */
export function isDone(file: string, setting: Setting, rounds: number): boolean {
  if (!existsSync(file)) return false
  const found = readJson<Pairing>(file)
  if (found.setting.size !== setting.size || found.setting.threads !== setting.threads) {
    const { size, threads } = found.setting
    throw new Error(`${file} was measured with ${threads} threads, size ${size}: choose another --directory`)
  }
  return isMeasured(found.result) && found.result.rounds.length >= rounds
}

/** All pairings of a directory. */
export function readPairings(places: Places): Pairing[] {
  if (!existsSync(places.pairings)) return []
  return readdirSync(places.pairings, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.json'))
    .map((name) => readJson<Pairing>(path.join(places.pairings, name)))
}
