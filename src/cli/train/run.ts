/** The main thread of a training: signals, the terminal, and the thread that does the work. */
import fs from 'node:fs'
import { Worker } from 'node:worker_threads'
import { errorOf } from '../../failure.js'
import type { TrainCommand } from './flags.js'
import type { Outcome } from './job.js'
import { makeReporter } from './report.js'
import type { Reporter } from './reporter.js'
import { stopSignal, type TrainerMessage, type TrainerThreadData } from './threads/messages.js'

/** Exit codes of a training that a signal ended: 128 + its number, as shells expect. */
const INTERRUPTED = { SIGINT: 130, SIGTERM: 143 } as const

type Signal = keyof typeof INTERRUPTED
const SIGNALS = Object.keys(INTERRUPTED) as Signal[]

/** Trains and returns the exit code. */
export async function train(command: TrainCommand): Promise<number> {
  const { json = false, logEvery } = command.settings
  const reporter = makeReporter({ json, logEvery })
  const stop = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
  let interruptedBy: Signal = 'SIGINT'
  /** The first signal ends the training after the running step; the second ends the process. */
  const interrupt = (signal: Signal): void => {
    if (Atomics.exchange(stop, 0, 1) !== 0) process.exit(INTERRUPTED[signal])
    interruptedBy = signal
    reporter.note('finishing the step and saving; press Ctrl-C again to stop at once')
  }
  for (const signal of SIGNALS) process.on(signal, interrupt)
  // Where nobody can be told any more (a log on a full disk), the training ends too, saved.
  const silenced = (): void => {
    Atomics.store(stop, 0, 1)
  }
  process.stdout.on('error', silenced)
  try {
    const outcome = await work(command, reporter, stop)
    return outcome === 'done' ? 0 : INTERRUPTED[interruptedBy]
  } finally {
    for (const signal of SIGNALS) process.off(signal, interrupt)
    process.stdout.off('error', silenced)
    reporter.close()
  }
}

/**
 * In a thread of its own where the built files are there; else, run from sources, in this one. What trains is loaded by the
 * thread that does.
 */
async function work(
  command: TrainCommand,
  reporter: Reporter,
  stop: Int32Array<SharedArrayBuffer>,
): Promise<Outcome> {
  const file = new URL('./threads/trainer-thread.js', import.meta.url)
  if (fs.existsSync(file)) return inThread(file, { command, stop }, reporter)
  const { runJob } = await import('./job.js')
  return runJob(command, { reporter, signal: stopSignal(stop) })
}

function inThread(file: URL, workerData: TrainerThreadData, reporter: Reporter): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(file, { workerData })
    worker.on('message', (message: TrainerMessage) => {
      if (message.type === 'report') {
        const { call, args } = message.report
        ;(reporter[call] as (...args: unknown[]) => void)(...args)
      } else if ('outcome' in message.result) resolve(message.result.outcome)
      else reject(errorOf(message.result.failure))
    })
    worker.on('error', reject)
    worker.on('exit', (code) => reject(new Error(`the training thread ended with code ${code}`)))
  })
}
