/** `metrics.csv`: one step a row, with the validation that followed it. */
import path from 'node:path'
import { replaceFile } from '../../src/files.js'
import type { RecordOf, StepRecord } from './history.js'
import type { OpenSink } from './sink.js'

type Cell = number | string | null | undefined

const COLUMNS: readonly [string, (step: StepRecord, validation?: RecordOf<'evaluation'>) => Cell][] = [
  ['step', (s) => s.step],
  ['loss', (s) => s.loss],
  ['validation_loss', (_, v) => v?.loss],
  ['validation_perplexity', (_, v) => v?.perplexity],
  ['validation_accuracy', (_, v) => v?.accuracy],
  ['learning_rate', (s) => s.learningRate],
  ['gradient_norm', (s) => s.gradientNorm],
  ['skipped', (s) => s.skipped],
  ['drop_rate', (s) => s.dropRate],
  ['backward_flops_saved', (s) => s.backwardSkipped],
  ['tokens', (s) => s.tokens],
  ['milliseconds', (s) => s.milliseconds],
  ['memory_bytes', (s) => s.memory],
]

export const csv: OpenSink = ({ directory }) => ({
  flush({ steps, evaluations }) {
    const validations = new Map(evaluations.map((e) => [e.step, e]))
    const rows = steps.map((step) =>
      COLUMNS.map(([, cell]) => cell(step, validations.get(step.step)) ?? '').join(','),
    )
    const text = [COLUMNS.map(([name]) => name).join(','), ...rows, ''].join('\n')
    replaceFile(path.join(directory, 'metrics.csv'), (sink) => sink.write(new TextEncoder().encode(text)))
  },
})
