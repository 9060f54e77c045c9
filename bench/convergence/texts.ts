/** The texts as tokens, one a byte. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { gunzipSync } from 'node:zlib'
import { split, TokenWindows, type Dataset } from '../../runtime/index.js'

const ROOT = path.resolve(import.meta.dirname, '../../..')
const PRETRAINING = [
  'bench/convergence/texts/state-of-the-union.txt.gz',
  'examples/demo/moby-dick.txt',
] as const
const FINE_TUNING = ['examples/demo/devils-dictionary.txt'] as const

/** Windows of pretraining text that are held out, drawn at random. */
const PRETRAINING_HELD_OUT = { validation: 256, seed: 1 }
/** The end of the fine-tuning text. */
const FINE_TUNING_HELD_OUT = { validation: 0.05 }

export interface Parts {
  train: Dataset
  validation: Dataset
}

/** Windows of the addresses and of Moby-Dick. */
export function pretrainingText(size: number): Parts {
  return split(new TokenWindows(read(PRETRAINING), size), PRETRAINING_HELD_OUT)
}

/** Windows of The Devil's Dictionary; its last twentieth is held out. */
export function fineTuningText(size: number): Parts {
  return split(new TokenWindows(read(FINE_TUNING), size), FINE_TUNING_HELD_OUT)
}

function read(files: readonly string[]): Uint8Array {
  return Buffer.concat(
    files.map((file) => {
      const bytes = readFileSync(path.join(ROOT, file))
      return file.endsWith('.gz') ? gunzipSync(bytes) : bytes
    }),
  )
}
