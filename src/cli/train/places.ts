/** Where a training reads and writes. */
import fs from 'node:fs'
import path from 'node:path'
import { latestCheckpoint, listCheckpoints } from '../../../runtime/index.js'
import { IOError } from '../../errors.js'
import type { GivenSettings } from './settings.js'

/** Files and directories of one training. */
export interface Places {
  /** The compiled directory or model, as named on the command line. */
  readonly model: string
  /** The compiled directory. */
  readonly directory: string
  readonly out: string
  readonly checkpoints: string
  /** The source model, where the trained one is to be written. */
  readonly source: string | undefined
  /** The checkpoint to go on from. */
  readonly from: string | null
}

/** The directory to train; an .onnx model is compiled beside itself first, unless it was already. */
export async function compiledDirectory(model: string, note: (text: string) => void): Promise<string> {
  if (!model.endsWith('.onnx')) return model
  const directory = `${model.slice(0, -'.onnx'.length)}.dropbp`
  const { compileInto } = await import('./compile.js')
  note(compileInto(model, directory))
  return directory
}

/** Beside the compiled directory, which `dropbp-compile --force` replaces as a whole. */
export function defaultOut(directory: string): string {
  return `${path
    .normalize(directory)
    .replace(/[\\/]+$/, '')
    .replace(/\.dropbp$/, '')}.trained`
}

/**
 * The checkpoint to go on from: the one named, or the newest of a training; without --resume, earlier ones are not mixed with a new training.
 * @throws IOError `output-exists`, `no-checkpoint`
 */
export function startingPoint(
  { resume, force }: GivenSettings,
  checkpoints: string,
  note: (text: string) => void,
): string | null {
  if (resume !== undefined) return resumed(resume, checkpoints, note)
  const earlier = listCheckpoints(checkpoints)
  if (earlier.length === 0) return null
  if (!force) {
    throw new IOError(
      'output-exists',
      `${checkpoints} holds a training up to step ${earlier[0]!.step}: go on with --resume, start anew with --force, or choose another --out`,
    )
  }
  fs.rmSync(checkpoints, { recursive: true, force: true })
  return null
}

/** @param named a checkpoint, the directory of several, or that of a training; empty for the training at hand */
function resumed(named: string, checkpoints: string, note: (text: string) => void): string {
  const roots = named === '' ? [checkpoints] : [named, path.join(named, 'checkpoint')]
  const root = roots.find((place) => listCheckpoints(place).length > 0)
  if (root !== undefined) {
    const { directory, damaged } = latestCheckpoint(root)
    for (const message of damaged) note(message)
    return directory
  }
  if (named !== '') return named
  throw new IOError(
    'no-checkpoint',
    `${checkpoints} holds no checkpoint to go on from: start without --resume, or name the directory of the training with --out`,
  )
}
