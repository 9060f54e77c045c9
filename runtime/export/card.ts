/** The model card: what a training was and how well its result does, as Markdown. */
import path from 'node:path'
import { replaceFile } from '../../src/files.js'
import { percent } from '../../src/format.js'
import type { Manifest } from '../../src/manifest.js'
import type { History, RunFacts } from '../report/history.js'

export interface CardContext {
  readonly facts: RunFacts
  readonly history: History
  readonly manifest: Manifest
  /** The step whose weights were written. */
  readonly step: number
  /** Files that lie beside the card. */
  readonly files: readonly string[]
}

/** Settings that say how the result came about, in this order. */
const TOLD = [
  'data',
  'steps',
  'batch',
  'accumulate',
  'seq',
  'learning-rate',
  'schedule',
  'warmup',
  'weight-decay',
  'clip',
  'drop-rate',
  'rates',
  'policy',
  'mask-per',
  'seed',
]

/** Writes `README.md` into a directory. */
export function writeCard(directory: string, context: CardContext): string {
  const file = path.join(directory, 'README.md')
  replaceFile(file, (sink) => sink.write(new TextEncoder().encode(modelCard(context))))
  return file
}

/** The card, with the front matter that model hubs read. */
export function modelCard(context: CardContext): string {
  const { facts, manifest } = context
  const sections = [
    '---',
    'library_name: onnx',
    'tags: [onnx, dropbp]',
    '---',
    '',
    `# ${facts.model}, fine-tuned`,
    '',
    `Fine-tuned from \`${manifest.source.file}\` (SHA-256 \`${manifest.source.sha256}\`) with DropBP: in every step, the backward pass of some residual branches was skipped.`,
    '',
    '## Results',
    '',
    ...table(['', ''], results(context)),
    '',
    '## Training',
    '',
    ...table(['', ''], training(context)),
    '',
    '## Files',
    '',
    ...context.files.map((file) => `- \`${path.basename(file)}\`: ${describe(path.basename(file))}`),
    '',
    '## Intended use and limits',
    '',
    'Not stated: whoever publishes this model knows its data and its purpose, this program does not.',
    '',
  ]
  return sections.join('\n')
}

function results({ history, facts, step }: CardContext): [string, string][] {
  const at = history.evaluations.findLast((e) => e.step === step) ?? history.evaluations.at(-1)
  const rows: [string, string | undefined][] = [
    ['weights of step', `${step.toLocaleString('en')} of ${facts.steps.toLocaleString('en')}`],
    ['validation loss', at && `${at.loss.toFixed(4)} (step ${at.step.toLocaleString('en')})`],
    ['perplexity', at?.perplexity.toFixed(3)],
    ['accuracy', at?.accuracy === undefined ? undefined : percent(at.accuracy)],
  ]
  return rows.filter((row): row is [string, string] => row[1] !== undefined)
}

function training({ facts, history }: CardContext): [string, string][] {
  const { seconds, tokens, backwardSkipped } = history.totals
  const given = TOLD.flatMap((name): [string, string][] => {
    const value = facts.settings[name]
    if (value === undefined) return []
    return [[name, ([value].flat() as unknown[]).map((x) => plain(String(x))).join(', ')]]
  })
  return [
    [
      'trainable weights',
      `${facts.trainable.toLocaleString('en')} of ${facts.parameters.toLocaleString('en')}`,
    ],
    ['branches', String(facts.sites.length)],
    ['optimizer', facts.optimizer],
    ['examples', facts.data],
    ...given,
    ['tokens', tokens.toLocaleString('en')],
    ['time of all steps', `${seconds.toFixed(1)} s`],
    ['backward FLOPs saved', percent(backwardSkipped)],
  ]
}

function describe(file: string): string {
  const known: Readonly<Record<string, string>> = {
    'model.onnx': 'the source model with the trained weights, for inference',
    'model.safetensors': "the weights under the source framework's names and in its layouts",
    'report.html': 'loss, drop rates, time and memory in figures',
  }
  return known[file] ?? 'written by the training'
}

/** Paths of somebody's machine are nobody else's concern. */
function plain(value: string): string {
  return path.isAbsolute(value) ? path.basename(value) : value
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((c) => c.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)]
}
