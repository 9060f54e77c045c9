/** The flags of `dropbp-train`, in the groups that `--help` shows. */
import yargs, { type Options } from 'yargs'
import { UsageError } from '../../errors.js'
import { didYouMean } from '../suggest.js'
import { POLICIES } from '../../../runtime/policy.js'
import { SCHEDULES } from '../../../runtime/schedule.js'
import { DEFAULTS, type GivenSettings } from './settings.js'

const OPTIONS = {
  data: { alias: 'd', type: 'string', group: 'Data:', describe: 'text file, or tokens as .bin or .npy' },
  tokenizer: { type: 'string', group: 'Data:', describe: 'tokenizer.json, or "bytes"' },
  'bin-type': { choices: ['uint16', 'uint32'], group: 'Data:', describe: 'numbers in a .bin file' },
  seq: { type: 'number', group: 'Data:', describe: 'tokens of a window' },
  batch: { alias: 'b', type: 'number', group: 'Data:', describe: 'windows of a micro-batch' },
  validation: { type: 'number', group: 'Data:', describe: 'share of the data held out' },
  'validation-data': { type: 'string', group: 'Data:', describe: 'file to validate on instead' },
  steps: { alias: 'n', type: 'number', group: 'Training:', describe: 'optimizer steps' },
  epochs: { type: 'number', group: 'Training:', describe: 'passes over the data, where no steps are given' },
  accumulate: { type: 'number', group: 'Training:', describe: 'micro-batches of a step' },
  'learning-rate': { alias: 'lr', type: 'number', group: 'Training:', describe: 'highest learning rate' },
  schedule: { choices: SCHEDULES, group: 'Training:', describe: 'how the rate falls' },
  warmup: { type: 'number', group: 'Training:', describe: 'steps, or a share below 1, of rising rate' },
  'weight-decay': { type: 'number', group: 'Training:', describe: 'decoupled weight decay' },
  clip: { type: 'number', group: 'Training:', describe: 'bound of the gradient norm; 0 for none' },
  seed: { type: 'number', group: 'Training:', describe: 'of data order and masks' },
  'drop-rate': {
    alias: 'p',
    type: 'number',
    group: 'DropBP:',
    describe: "share of the branches' backward FLOPs to drop",
  },
  rates: {
    choices: ['uniform', 'sensitivity'],
    group: 'DropBP:',
    describe: 'how it is divided among branches',
  },
  'min-rate': { type: 'number', group: 'DropBP:', describe: 'least rate of a branch' },
  'max-rate': { type: 'number', group: 'DropBP:', describe: 'highest rate of a branch' },
  policy: {
    choices: Object.keys(POLICIES),
    group: 'DropBP:',
    describe: 'exact budget a step, or independent draws',
  },
  'sensitivity-at': {
    type: 'number',
    group: 'DropBP:',
    describe: 'share of the steps before sensitivities are measured',
  },
  out: {
    alias: 'o',
    type: 'string',
    group: 'Output:',
    describe: 'directory for checkpoints and results [<model>.trained]',
  },
  resume: { type: 'string', group: 'Output:', describe: 'go on from the latest or the given checkpoint' },
  force: { type: 'boolean', group: 'Output:', describe: 'start anew over earlier checkpoints' },
  'evaluate-every': { type: 'number', group: 'Output:', describe: 'steps between validations' },
  'save-every': { type: 'number', group: 'Output:', describe: 'steps between checkpoints' },
  keep: { type: 'number', group: 'Output:', describe: 'checkpoints to keep' },
  export: { type: 'boolean', group: 'Output:', describe: 'write the trained inference model' },
  source: { type: 'string', group: 'Output:', describe: 'the source model, where it was moved' },
  json: { type: 'boolean', group: 'Output:', describe: 'events as JSON lines on stdout' },
  'log-every': { type: 'number', group: 'Output:', describe: 'steps between lines in a pipe' },
  provider: { type: 'string', group: 'Running:', describe: 'execution provider' },
  threads: { type: 'number', group: 'Running:', describe: 'threads of an operator' },
} as const satisfies Record<string, Options>

/** Defaults that `--help` shows and that are not settings. */
const SHOWN: Readonly<Record<string, string | number | boolean>> = {
  export: true,
  provider: 'cpu',
  ...Object.fromEntries(Object.entries(DEFAULTS).map(([key, value]) => [kebab(key), value])),
}

/** What the command line says. */
export interface TrainCommand {
  model: string
  settings: GivenSettings
  out?: string
  /** Empty for the latest. */
  resume?: string
  force: boolean
  export: boolean
  source?: string
  json: boolean
  logEvery?: number
  provider: string
  threads?: number
}

/**
 * Parses a command line; undefined where it asked for help or the version, which is printed then.
 * @throws UsageError `usage`
 */
export async function parseFlags(
  argv: readonly string[],
  version: string,
): Promise<TrainCommand | undefined> {
  let answered = false
  const parser = yargs()
    .scriptName('dropbp-train')
    .usage(
      '$0 <model> --data <file> [options]\n\nTrains a directory made by dropbp-compile, or an .onnx model, which is compiled first.',
    )
    .options(withDefaults())
    .parserConfiguration({ 'camel-case-expansion': false, 'duplicate-arguments-array': false })
    .strictOptions()
    .wrap(Math.min(110, process.stdout.columns ?? 100))
    .version(version)
    .help()
    .fail((message: string | undefined, error: Error | undefined) => {
      throw error instanceof UsageError ? error : usage(message ?? error?.message ?? 'cannot be read')
    })
    .exitProcess(false)
  const given = await parser.parseAsync([...argv], {}, (_error, _argv, output) => {
    if (!output) return
    answered = true
    process.stdout.write(`${output}\n`)
  })
  return answered ? undefined : toCommand(given as Record<string, unknown> & { _: (string | number)[] })
}

function usage(message: string): UsageError {
  const unknown = /^Unknown arguments?: ([^,\s]+)/.exec(message)?.[1]
  const hint = unknown === undefined ? '' : didYouMean(unknown, Object.keys(OPTIONS), '--')
  return new UsageError('usage', `${message}${hint || '; see dropbp-train --help'}`)
}

/** Defaults are shown but not set, so that a checkpoint's settings come between them and the flags. */
function withDefaults(): Record<string, Options> {
  return Object.fromEntries(
    Object.entries(OPTIONS).map(([name, option]) => {
      const shown = SHOWN[name]
      const describe = shown === undefined ? option.describe : `${option.describe} [${shown}]`
      return [
        name,
        {
          ...option,
          describe,
          ...('type' in option && option.type !== 'boolean' ? { requiresArg: name !== 'resume' } : {}),
        },
      ]
    }),
  )
}

function kebab(key: string): string {
  return key.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)
}

function toCommand(given: Record<string, unknown> & { _: (string | number)[] }): TrainCommand {
  const [model, ...rest] = given._
  if (model === undefined) throw usage('name a compiled directory or an .onnx model')
  if (rest.length > 0) throw usage(`one model at a time, not also ${rest.join(' ')}; data goes to --data`)
  const value = <T>(name: keyof typeof OPTIONS): T | undefined => given[name] as T | undefined
  const settings: Record<string, unknown> = {}
  for (const key of SETTING_KEYS) settings[key] = given[kebab(key)]
  return {
    model: String(model),
    settings: settings as GivenSettings,
    out: value('out'),
    resume: value('resume'),
    force: value<boolean>('force') ?? false,
    export: value<boolean>('export') ?? true,
    source: value('source'),
    json: value<boolean>('json') ?? false,
    logEvery: value('log-every'),
    provider: value<string>('provider') ?? 'cpu',
    threads: value('threads'),
  }
}

const SETTING_KEYS: readonly (keyof GivenSettings)[] = [
  'data',
  'validationData',
  'validation',
  'tokenizer',
  'binType',
  'seq',
  'batch',
  'accumulate',
  'steps',
  'epochs',
  'learningRate',
  'schedule',
  'warmup',
  'weightDecay',
  'clip',
  'seed',
  'dropRate',
  'rates',
  'minRate',
  'maxRate',
  'policy',
  'sensitivityAt',
  'evaluateEvery',
  'saveEvery',
  'keep',
]
