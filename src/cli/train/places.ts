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
 * The checkpoint to go on from; without --resume, earlier ones are not mixed with a new training.
 * @throws IOError `output-exists`, `no-checkpoint`
 */
export function startingPoint(
  { resume, force }: GivenSettings,
  checkpoints: string,
  note: (text: string) => void,
): string | null {
  if (resume) return resume
  if (resume === '') {
    const { directory, damaged } = latestCheckpoint(checkpoints)
    for (const message of damaged) note(message)
    return directory
  }
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
