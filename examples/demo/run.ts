/**
 * One fine-tuning run in a process of its own, so that its peak memory is its own. Started by demo.ts with `fork`; it takes a
 * turn whenever it is told to.
 */
import { on } from 'node:events'
import { memory, resetPeak } from '../../bench/memory.js'
import { Batches, openCompiled, readTokens, split, TokenWindows, Trainer } from '../../runtime/index.js'
import type { Point } from './plot.js'

/** What a run is asked to do. */
export interface RunSettings {
  /** Compiled directory. */
  directory: string
  /** Text to fine-tune on, one token a byte; its last tenth is held out. */
  text: string
  dropRate: number
  steps: number
  evaluateEvery: number
  /** Where the fine-tuned inference model goes, and the model it is made from. */
  output: string
  source: string
}

/** What a run reports, in this order: the loss before training, steps and evaluations, the end; and after each turn, that. */
export type RunMessage =
  | ({ type: 'validation' } & Point)
  | ({ type: 'step'; milliseconds: number; backwardSkipped: number } & Point)
  | { type: 'turn' }
  | { type: 'end'; /** Bytes above the loaded model at the peak of training. */ peak: number }

const BATCH = 8
const CONTEXT = 128
const SEED = 1
const LEARNING_RATE = 5e-4

/** @param turn waits for the next turn */
async function run(
  settings: RunSettings,
  report: (message: RunMessage) => void,
  turn: () => Promise<unknown>,
): Promise<void> {
  const { directory, dropRate, steps, evaluateEvery } = settings
  const trainer = await Trainer.open(directory, {
    steps,
    learningRate: LEARNING_RATE,
    schedule: 'cosine',
    warmup: Math.ceil(steps / 20),
    clipNorm: 1,
    dropbp: { dropRate, seed: SEED },
    // Threads that wait spinning for work would take the other run's time.
    session: { spin: false },
  })
  const { manifest } = openCompiled(directory)
  const windows = new TokenWindows(readTokens(settings.text, { tokenizer: 'bytes' }), CONTEXT)
  const { train, validation } = split(windows, { validation: 0.1 })
  const data = new Batches(manifest, train, { batch: BATCH, seed: SEED })
  const held = new Batches(manifest, validation, { batch: BATCH })
  let seconds = 0
  const validate = async (step: number): Promise<void> => {
    const { loss } = await trainer.evaluate(held.once())
    report({ type: 'validation', step, seconds, loss })
  }

  await turn()
  await validate(0)
  const { rss } = memory()
  resetPeak()
  report({ type: 'turn' })
  await turn()
  for await (const event of trainer.fit({ data })) {
    if (event.type !== 'step') continue
    const { step, loss, milliseconds, backwardSkipped } = event
    seconds += milliseconds / 1e3
    report({ type: 'step', step, seconds, loss, milliseconds, backwardSkipped })
    if (step % evaluateEvery === 0 || step === steps) await validate(step)
    report({ type: 'turn' })
    if (step < steps) await turn()
  }
  report({ type: 'end', peak: memory().peak - rss })
  trainer.exportModel(settings.output, settings.source)
  await trainer.release()
}

const turns = on(process, 'message')
await run(
  JSON.parse(process.argv[2]!) as RunSettings,
  (message) => process.send!(message),
  () => turns.next(),
)
process.disconnect()
