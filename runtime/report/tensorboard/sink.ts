/** `tensorboard/events.out.tfevents.*`: scalars for TensorBoard; a resumed run adds a file. */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { AppendedFile, guarded } from '../../../src/files.js'
import type { EventRecord } from '../history.js'
import type { OpenSink } from '../sink.js'
import { scalarRecord, versionRecord } from './events.js'

export const tensorboard: OpenSink = ({ directory }) => {
  const folder = path.join(directory, 'tensorboard')
  const now = (): number => Date.now() / 1000
  const file = path.join(folder, `events.out.tfevents.${now().toFixed(0)}.${os.hostname()}.${process.pid}`)
  guarded(folder, 'write', () => fs.mkdirSync(folder, { recursive: true }))
  const events = AppendedFile.open(file)
  events.append(versionRecord(now()))
  return {
    event(record) {
      const scalars = scalarsOf(record)
      if (Object.keys(scalars).length > 0)
        events.append(scalarRecord({ wallTime: now(), step: record.step, scalars }))
    },
    close: () => events.close(),
  }
}

function scalarsOf(record: EventRecord): Record<string, number> {
  const given =
    record.type === 'step'
      ? stepScalars(record)
      : record.type === 'evaluation'
        ? evaluationScalars(record)
        : {}
  return Object.fromEntries(
    Object.entries(given).filter((entry): entry is [string, number] => typeof entry[1] === 'number'),
  )
}

function stepScalars(step: Extract<EventRecord, { type: 'step' }>): Record<string, number | null> {
  return {
    'train/loss': step.loss,
    'train/learning_rate': step.learningRate,
    'train/gradient_norm': step.gradientNorm,
    'dropbp/drop_rate': step.dropRate,
    'dropbp/backward_flops_saved': step.backwardSkipped,
    'run/seconds_per_step': step.milliseconds / 1000,
    'run/tokens_per_second': (1000 * step.tokens) / step.milliseconds,
    'run/memory_bytes': step.memory,
  }
}

function evaluationScalars({ loss, perplexity, accuracy }: Extract<EventRecord, { type: 'evaluation' }>) {
  return { 'validation/loss': loss, 'validation/perplexity': perplexity, 'validation/accuracy': accuracy }
}
