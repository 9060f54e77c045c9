/**
 * Checkpoints: a directory a save, complete or absent. Each is written beside its final place, synced, and renamed; its
 * `state.json` carries size and hash of the other files, so that damage is found before anything is loaded.
 */
import fs from 'node:fs'
import path from 'node:path'
import { DropBPError, IOError } from '../../src/errors.js'
import type { DataPosition } from '../data/batch-source.js'
import { digestFile, guarded, syncDirectory, writeDurably, type FileDigest } from '../../src/files.js'
import type { HandlerState } from '../dropbp/options.js'
import { writeSafetensors } from '../../src/safetensors.js'
import type { LossScaleState } from '../training/loss-scale.js'
import type { ProgressState } from '../training/progress.js'
import type { TrainingState } from '../training/state.js'
import type { HostTensor } from '../../src/host-tensor.js'

/** What a checkpoint holds beside tensors. */
export interface CheckpointState extends ProgressState {
  /** Hash of the source model. */
  source: string
  optimizer: string
  handler: HandlerState
  lossScale?: LossScaleState
  data: DataPosition | null
  /** The caller's own. */
  settings: unknown
}

/** A checkpoint that is on the disk. */
export interface SavedCheckpoint {
  directory: string
  step: number
}

const FORMAT = 'dropbp-checkpoint'
const VERSION = 1
const PARAMETERS = 'params.safetensors'
const MOMENTS = 'optimizer.safetensors'
const STATE = 'state.json'
const NAME = /^step-(\d{8,})$/

/**
 * Writes a checkpoint below `root` and then removes all but the newest `keep`, and the best one where it is to stay.
 * @throws IOError `disk-full`, `no-permission`, `write-failed`; whatever was there before is intact then
 */
export function writeCheckpoint(
  root: string,
  state: CheckpointState,
  tensors: TrainingState,
  { keep = 2, keepBest = false }: { keep?: number; keepBest?: boolean } = {},
): SavedCheckpoint {
  const directory = path.join(root, `step-${String(state.step).padStart(8, '0')}`)
  const temporary = path.join(root, `.tmp-${process.pid}-${state.step}`)
  guarded(root, 'write', () => fs.mkdirSync(root, { recursive: true }))
  removeLeftovers(root)
  try {
    guarded(temporary, 'write', () => fs.mkdirSync(temporary))
    const files: Record<string, FileDigest> = {}
    const store = (name: string, stored: [string, HostTensor][]): void => {
      files[name] = writeDurably(path.join(temporary, name), (sink) => writeSafetensors(sink, stored))
    }
    store(PARAMETERS, tensors.storedParameters())
    store(MOMENTS, tensors.storedMoments())
    const json = `${JSON.stringify({ format: FORMAT, version: VERSION, ...state, files }, null, 1)}\n`
    writeDurably(path.join(temporary, STATE), (sink) => sink.write(new TextEncoder().encode(json)))
    syncDirectory(temporary)
    guarded(directory, 'write', () => moveInto(temporary, directory))
    syncDirectory(root)
  } catch (error) {
    fs.rmSync(temporary, { recursive: true, force: true })
    throw error
  }
  for (const old of listCheckpoints(root).slice(Math.max(keep, 1))) {
    if (keepBest && old.step === state.best?.step) continue
    fs.rmSync(old.directory, { recursive: true, force: true })
  }
  return { directory, step: state.step }
}

/**
 * Reads and verifies a checkpoint.
 * @throws IOError `no-checkpoint`, `checkpoint-corrupt`
 */
export function readCheckpoint(directory: string): {
  state: CheckpointState
  parameters: string
  moments: string
} {
  const file = path.join(directory, STATE)
  if (!fs.existsSync(file)) throw new IOError('no-checkpoint', `${directory}: holds no checkpoint`)
  const { format, version, files, ...state } = parseState(file)
  if (format !== FORMAT) throw corrupt(directory, `${STATE} is not one of a checkpoint`)
  if (version !== VERSION) {
    throw new DropBPError(
      'checkpoint-version',
      `${directory}: version ${version}, this program reads ${VERSION}`,
    )
  }
  for (const name of [PARAMETERS, MOMENTS]) verifyFile(directory, name, files?.[name])
  return { state, parameters: path.join(directory, PARAMETERS), moments: path.join(directory, MOMENTS) }
}

/** Checkpoints below `root`, newest first; not verified. */
export function listCheckpoints(root: string): SavedCheckpoint[] {
  if (!fs.existsSync(root)) return []
  const found: SavedCheckpoint[] = []
  for (const name of fs.readdirSync(root)) {
    const step = NAME.exec(name)?.[1]
    if (step !== undefined) found.push({ directory: path.join(root, name), step: Number(step) })
  }
  return found.sort((a, b) => b.step - a.step)
}

/**
 * The newest checkpoint below `root` that verifies, with those that do not.
 * @throws IOError `no-checkpoint`
 */
export function latestCheckpoint(root: string): SavedCheckpoint & { damaged: string[] } {
  const damaged: string[] = []
  for (const candidate of listCheckpoints(root)) {
    try {
      readCheckpoint(candidate.directory)
      return { ...candidate, damaged }
    } catch (error) {
      if (!(error instanceof DropBPError)) throw error
      damaged.push(error.message)
    }
  }
  throw new IOError('no-checkpoint', [`${root}: no checkpoint to resume from`, ...damaged].join('; '))
}

interface StoredState extends CheckpointState {
  format?: string
  version?: number
  files?: Record<string, FileDigest>
}

function parseState(file: string): StoredState {
  const text = guarded(file, 'read', () => fs.readFileSync(file, 'utf8'))
  try {
    return JSON.parse(text) as StoredState
  } catch {
    throw corrupt(path.dirname(file), `${STATE} is not JSON`)
  }
}

function verifyFile(directory: string, name: string, expected: FileDigest | undefined): void {
  const file = path.join(directory, name)
  if (!expected || !fs.existsSync(file)) throw corrupt(directory, `${name} is missing`)
  const size = fs.statSync(file).size
  if (size !== expected.size) throw corrupt(directory, `${name} has ${size} bytes, expected ${expected.size}`)
  if (digestFile(file).sha256 !== expected.sha256)
    throw corrupt(directory, `${name} is not what was written: its hash differs`)
}

function corrupt(directory: string, why: string): IOError {
  return new IOError('checkpoint-corrupt', `${directory}: ${why}; resume from an older checkpoint`)
}

/** Renames into place; a checkpoint of the same step, left by an earlier run, makes way, and comes back where that fails. */
function moveInto(temporary: string, directory: string): void {
  const old = `${temporary}-old`
  if (fs.existsSync(directory)) fs.renameSync(directory, old)
  try {
    fs.renameSync(temporary, directory)
  } catch (error) {
    if (fs.existsSync(old)) fs.renameSync(old, directory)
    throw error
  }
  fs.rmSync(old, { recursive: true, force: true })
}

/** Removes what a process that was killed while saving left behind. */
function removeLeftovers(root: string): void {
  for (const name of fs.readdirSync(root)) {
    if (name.startsWith('.tmp-')) fs.rmSync(path.join(root, name), { recursive: true, force: true })
  }
}
