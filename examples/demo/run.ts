/** One fine-tuning run in a process of its own, so that its peak memory is its own. Started by demo.ts with `fork`. */
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

/** What a run reports, in this order: the loss before training, steps and evaluations, the end. */
export type RunMessage =
  | ({ type: 'validation' } & Point)
  | ({ type: 'step'; milliseconds: number; backwardSkipped: number } & Point)
  | { type: 'end'; /** Bytes above the loaded model at the peak of training. */ peak: number }

const BATCH = 8
const CONTEXT = 128
const SEED = 1
const LEARNING_RATE = 5e-4

async function run(settings: RunSettings, report: (message: RunMessage) => void): Promise<void> {
  const { directory, dropRate, steps, evaluateEvery } = settings
  const trainer = await Trainer.open(directory, {
    steps,
    learningRate: LEARNING_RATE,
    schedule: 'cosine',
    warmup: Math.ceil(steps / 20),
    clipNorm: 1,
    dropbp: { dropRate, seed: SEED },
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

  await validate(0)
  const { rss } = memory()
  resetPeak()
  for await (const event of trainer.fit({ data })) {
    if (event.type !== 'step') continue
    const { step, loss, milliseconds, backwardSkipped } = event
    seconds += milliseconds / 1e3
    report({ type: 'step', step, seconds, loss, milliseconds, backwardSkipped })
    if (step % evaluateEvery === 0 || step === steps) await validate(step)
  }
  report({ type: 'end', peak: memory().peak - rss })
  trainer.exportModel(settings.output, settings.source)
  await trainer.release()
}

await run(JSON.parse(process.argv[2]!) as RunSettings, (message) => process.send!(message))
process.disconnect()
