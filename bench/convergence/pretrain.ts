/** From nothing to a pretrained model that is compiled for fine-tuning. */
import { existsSync, mkdirSync } from 'node:fs'
import { Batches, latestCheckpoint, listCheckpoints, Trainer } from '../../runtime/index.js'
import { compile, saveModel } from '../../src/index.js'
import { initialModel } from './initial.js'
import { appendLine, readLines, writeLines } from './lines.js'
import type { Places } from './places.js'
import { CLIP_NORM, WEIGHT_DECAY, type Settings } from './settings.js'
import { pretrainingText } from './texts.js'

/** A step of pretraining, or a validation after it. */
export type PretrainingLine =
  | { step: number; loss: number }
  | { step: number; validation: number; /** Of training so far, validations left out. */ seconds: number }

const SEED = 1
/** Steps between lines of training loss. */
const LOG_EVERY = 20

/** Pretrains where that is not done yet, from the last checkpoint where there is one. */
export async function pretrain(places: Places, settings: Settings, threads: number): Promise<void> {
  if (existsSync(places.pretrainedCompiled)) return
  if (!existsSync(places.initialCompiled)) {
    mkdirSync(places.models, { recursive: true })
    saveModel(initialModel(settings.shape), places.initial)
    compile(places.initial, { loss: { kind: 'causal-lm' } }).write(places.initialCompiled)
  }
  const trainer = await openTrainer(places, settings, threads)
  try {
    await train(trainer, places, settings)
    trainer.exportModel(places.pretrained, places.initial)
  } finally {
    await trainer.release()
  }
  compile(places.pretrained, { loss: { kind: 'causal-lm' } }).write(places.pretrainedCompiled)
}

function openTrainer(places: Places, { pretraining }: Settings, threads: number): Promise<Trainer> {
  const { steps, learningRate, warmup } = pretraining
  return Trainer.open(places.initialCompiled, {
    steps,
    learningRate,
    warmup,
    schedule: 'cosine',
    clipNorm: CLIP_NORM,
    hyperparameters: { weight_decay: WEIGHT_DECAY },
    session: { threads, spin: false },
  })
}

async function train(trainer: Trainer, places: Places, settings: Settings): Promise<void> {
  const { batch, evaluateEvery, saveEvery } = settings.pretraining
  const { manifest } = trainer.compiled
  const { train, validation } = pretrainingText(settings.shape.positions)
  const data = new Batches(manifest, train, { batch, seed: SEED })
  const held = new Batches(manifest, validation, { batch })
  let seconds = resume(trainer, data, places)
  const validate = { validation: () => held.once(), evaluateEvery }
  for await (const event of trainer.fit({ data, ...validate, checkpoints: places.checkpoints, saveEvery })) {
    if (event.type === 'evaluation') {
      const { step, loss } = event
      appendLine(places.pretraining, { step, validation: loss, seconds } satisfies PretrainingLine)
      console.log(`pretraining: step ${step}, validation loss ${loss.toFixed(4)}, ${seconds.toFixed(0)} s`)
    }
    if (event.type !== 'step') continue
    const { step, loss, milliseconds } = event
    seconds += milliseconds / 1e3
    if (step % LOG_EVERY === 0) appendLine(places.pretraining, { step, loss } satisfies PretrainingLine)
  }
}

/** Takes up the last checkpoint, and forgets what was logged after it; returns the seconds up to then. */
function resume(trainer: Trainer, data: Batches, { checkpoints, pretraining }: Places): number {
  if (listCheckpoints(checkpoints).length > 0) {
    const position = trainer.resume(latestCheckpoint(checkpoints).directory)
    if (position) data.seek(position)
  }
  const lines = readLines<PretrainingLine>(pretraining).filter(({ step }) => step <= trainer.step)
  writeLines(pretraining, lines)
  return Math.max(0, ...lines.map((line) => ('seconds' in line ? line.seconds : 0)))
}
