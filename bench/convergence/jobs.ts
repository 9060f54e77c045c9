/** Runs the fine-tunings that are not done yet, a few processes at a time. */
import { fork } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { openCompiled } from '../../runtime/index.js'
import type { Job } from './fine-tune.js'
import type { Places } from './places.js'
import { isDone, readRecord } from './record.js'
import { ALL_KEPT, runName, runs, stepsOf, type Run, type Settings } from './settings.js'

/** One thread each, whatever else the machine does. */
const THREADS = 1

/** All fine-tunings of the comparison. */
export function fineTune(places: Places, settings: Settings, jobs: number): Promise<void> {
  return runAll(
    runs(settings).map((run) => jobOf(places, settings, run, places.run(runName(run)))),
    jobs,
  )
}

/** Rate 0 at several learning rates: how the one in the settings was chosen. */
export function sweep(places: Places, settings: Settings, jobs: number): Promise<void> {
  const run: Run = { ...ALL_KEPT, seed: settings.seeds[0]! }
  return runAll(
    settings.sweep.map((learningRate) => {
      const fineTuning = { ...settings.fineTuning, learningRate }
      // The one of the settings is a fine-tuning of the comparison.
      const chosen = learningRate === settings.fineTuning.learningRate
      const file = chosen ? places.run(runName(run)) : places.sweep(learningRate)
      return jobOf(places, { ...settings, fineTuning }, run, file)
    }),
    jobs,
  )
}

function jobOf(places: Places, { fineTuning, shape }: Settings, run: Run, file: string): Job {
  const compiled = places.pretrainedCompiled
  const training = { ...fineTuning, steps: stepsOf(fineTuning.steps, run) }
  const pretrained = openCompiled(compiled).manifest.source.sha256
  return { compiled, file, header: { run, training, context: shape.positions, pretrained }, threads: THREADS }
}

async function runAll(all: readonly Job[], jobs: number): Promise<void> {
  const open = all.filter(({ file, header }) => !isDone(file, header))
  const total = open.length
  const worker = async (): Promise<void> => {
    for (let job = open.shift(); job; job = open.shift()) {
      await runOne(job)
      const { validation, seconds } = readRecord(job.file)
      const name = path.basename(job.file, '.jsonl')
      console.log(
        `${name}: ${validation[0]!.loss.toFixed(4)} to ${validation.at(-1)!.loss.toFixed(4)}, ${seconds.toFixed(0)} s; ${total - open.length} of ${total} begun`,
      )
    }
  }
  await Promise.all(Array.from({ length: jobs }, worker))
}

function runOne(job: Job): Promise<void> {
  mkdirSync(path.dirname(job.file), { recursive: true })
  const child = fork(path.join(import.meta.dirname, 'fine-tune.js'), [JSON.stringify(job)])
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code, signal) =>
      code === 0 ? resolve() : reject(new Error(`${job.file}: the training ended with ${signal ?? code}`)),
    )
  })
}
