/** The flags of `dropbp-compile`, in the groups that `--help` shows. */
import path from 'node:path'
import yargs, { type Options } from 'yargs'
import type { CompileOptions } from '../../../passes/pass.js'
import { OPTIMIZER_KINDS } from '../../../passes/optimizers/index.js'
import { pipeline } from '../../../passes/pipeline.js'
import { UsageError } from '../../errors.js'
import type { LossKind, SiteKind } from '../../manifest.js'
import { didYouMean } from '../suggest.js'

const LOSSES = ['auto', 'causal-lm', 'token', 'class', 'mse', 'bce', 'output'] as const satisfies readonly (
  LossKind | 'auto'
)[]
const KINDS = ['attention', 'cross-attention', 'mlp', 'moe', 'other'] as const satisfies readonly SiteKind[]
const PRECISIONS = ['auto', 'source'] as const satisfies readonly CompileOptions['precision'][]
/** `--print-after` takes a pass or this. */
const EVERY_PASS = 'all'

const list = { type: 'string', array: true, nargs: 1 } as const
const FLAGS = {
  out: {
    alias: 'o',
    type: 'string',
    requiresArg: true,
    group: 'Output:',
    describe: 'directory to write [<model>.dropbp]',
  },
  force: { type: 'boolean', group: 'Output:', describe: 'replace the compiled directory that is there' },
  bindings: {
    type: 'string',
    group: 'Output:',
    describe: 'write a typed TypeScript module too, at =<file> or into the directory',
  },
  loss: {
    type: 'string',
    requiresArg: true,
    group: 'Training:',
    describe: `${LOSSES.slice(0, -1).join(', ')}, each with :<output> to name what it is computed from, or output:<name> [auto]`,
  },
  train: {
    ...list,
    group: 'Training:',
    describe: 'train only parameters that match the glob; repeatable [all]',
  },
  freeze: { ...list, group: 'Training:', describe: 'freeze parameters that match the glob; repeatable' },
  sites: {
    ...list,
    group: 'Training:',
    describe: 'put DropBP only on sites that match the glob; repeatable [all]',
  },
  outputs: {
    ...list,
    group: 'Training:',
    describe: 'give outputs of the model that match the glob beside loss and gradients; repeatable [none]',
  },
  optimizer: {
    type: 'string',
    requiresArg: true,
    group: 'Training:',
    describe: `${OPTIMIZER_KINDS.join(', ')} [adamw]`,
  },
  precision: {
    type: 'string',
    requiresArg: true,
    group: 'Training:',
    describe:
      "what float16 and bfloat16 models compute in: auto (float32) or source (the source's types, for a GPU); weights train as float32 [auto]",
  },
  'seeded-dropout': {
    type: 'boolean',
    group: 'Training:',
    describe: 'draw dropout masks from an input, dropout_seed, so that a run can be repeated',
  },
  recompute: {
    type: 'string',
    group: 'Training:',
    describe: `compute branches again in the backward instead of keeping them, for all kinds of site or for some: ${KINDS.join(', ')}`,
  },
  'label-smoothing': {
    type: 'number',
    requiresArg: true,
    group: 'Training:',
    describe: 'share of each label that the loss spreads over all classes [0]',
  },
  unbiased: {
    type: 'boolean',
    group: 'Training:',
    describe: 'give every site a factor, so that kept branches can make up for dropped ones',
  },
  rules: {
    type: 'string',
    requiresArg: true,
    group: 'Training:',
    describe: 'JavaScript module whose default export has rules of further operators',
  },
  'dry-run': {
    type: 'boolean',
    group: 'Looking:',
    describe: 'show sites, FLOPs, parameters and what is unsupported; write nothing',
  },
  check: {
    type: 'boolean',
    group: 'Looking:',
    describe: 'run the graphs on random data: parity, gradients, masks, optimizer',
  },
  verbose: {
    alias: 'v',
    type: 'boolean',
    group: 'Looking:',
    describe: 'every site and parameter, and what was declined',
  },
  json: { type: 'boolean', group: 'Looking:', describe: 'the result as one JSON object on stdout' },
  'print-after': {
    ...list,
    group: 'Looking:',
    describe: `print the graph after a pass, or after ${EVERY_PASS}; repeatable`,
  },
  at: {
    type: 'string',
    requiresArg: true,
    group: 'Looking:',
    describe: 'dimensions for FLOPs and checks, e.g. batch=4,seq=1024',
  },
  flat: {
    type: 'boolean',
    group: 'Looking:',
    describe: 'emit the ungated graph, whose dropped gradients are zeros',
  },
} as const satisfies Record<string, Options>

type Flag = keyof typeof FLAGS

/** What the command line says. */
export interface CompileCommand {
  model: string
  out: string
  force: boolean
  /** File of the typed module; empty for one inside the directory. */
  bindings?: string
  /** Module with rules of further operators. */
  rules?: string
  options: CompileOptions
  dryRun: boolean
  check: boolean
  verbose: boolean
  json: boolean
  printAfter: ReadonlySet<string>
  /** Dimensions to evaluate FLOPs at and to run checks with. */
  at: Readonly<Record<string, number>>
}

/**
 * Parses a command line.
 * @returns the text to print where help or the version was asked for
 * @throws UsageError `unknown-flag`, `bad-value`, `missing-value`, `missing-model`, `extra-argument`, `conflicting-flags`
 */
export async function parseFlags(argv: readonly string[], version: string): Promise<CompileCommand | string> {
  let answer = ''
  const parser = yargs()
    .scriptName('dropbp-compile')
    .usage(
      '$0 <model.onnx> [options]\n\nCompiles an inference ONNX transformer into a training graph with DropBP.',
    )
    .options(FLAGS)
    .parserConfiguration({
      'camel-case-expansion': false,
      'boolean-negation': false,
    })
    .epilogue(
      `Passes, in order: ${PASS_NAMES.join(', ')}.\nExit codes: 0 done, 1 the model cannot be compiled or a check failed, 2 usage, 3 input or output.`,
    )
    .wrap(Math.min(110, process.stdout.columns ?? 100))
    .version(version)
    .help()
    .fail((message: string | undefined, error: Error | undefined) => {
      throw new UsageError(
        'missing-value',
        `${message ?? error?.message ?? 'the flags cannot be read'}; see --help`,
      )
    })
    .exitProcess(false)
  const given = await parser.parseAsync(withOptionalValues(argv), {}, (_error, _argv, output) => {
    answer = output
  })
  return answer || toCommand(given as Given)
}

const PASS_NAMES = pipeline.map((p) => p.name)

type Given = Record<string, unknown> & { _: (string | number)[] }

/** `--recompute` and `--bindings` may stand alone, so what follows them is their value only where it can be. */
function withOptionalValues(argv: readonly string[]): string[] {
  return argv.flatMap((arg, i) => {
    const before = argv[i - 1]
    if (before === '--recompute' && isKindList(arg)) return []
    if (arg === '--recompute') return [`--recompute=${isKindList(argv[i + 1]) ? argv[i + 1] : 'all'}`]
    return [arg === '--bindings' ? '--bindings=' : arg]
  })
}

function isKindList(text: string | undefined): boolean {
  return (
    text !== undefined &&
    text.split(',').every((k) => k === 'all' || (KINDS as readonly string[]).includes(k))
  )
}

function toCommand(given: Given): CompileCommand {
  refuseUnknown(given)
  const value = <T>(flag: Flag): T | undefined => {
    const all = given[flag]
    // of a flag given twice, the last counts
    return (Array.isArray(all) && !('array' in FLAGS[flag]) ? all.at(-1) : all) as T | undefined
  }
  const model = oneModel(given._.map(String))
  const command: CompileCommand = {
    model,
    out: value<string>('out') ?? defaultOutput(model),
    force: value('force') ?? false,
    bindings: value('bindings'),
    rules: value('rules'),
    options: {
      loss: parseLoss(value('loss') ?? 'auto'),
      train: value('train') ?? [],
      freeze: value('freeze') ?? [],
      sites: value('sites') ?? [],
      outputs: value('outputs') ?? [],
      optimizer: oneOf('optimizer', value('optimizer') ?? 'adamw', OPTIMIZER_KINDS),
      recompute: parseKinds(value('recompute')),
      seededDropout: value('seeded-dropout') ?? false,
      precision: oneOf('precision', value('precision') ?? PRECISIONS[0], PRECISIONS),
      labelSmoothing: parseShare('label-smoothing', value('label-smoothing') ?? 0),
      unbiased: value('unbiased') ?? false,
      flat: value('flat') ?? false,
    },
    dryRun: value('dry-run') ?? false,
    check: value('check') ?? false,
    verbose: value('verbose') ?? false,
    json: value('json') ?? false,
    printAfter: new Set((value<string[]>('print-after') ?? []).flatMap(passNames)),
    at: parseDims(value('at')),
  }
  refuseConflicts(command)
  return command
}

function refuseUnknown(given: Given): void {
  const known = Object.keys(FLAGS)
  const accepted = new Set([
    ...known,
    ...Object.values(FLAGS).flatMap((f) => ('alias' in f ? [f.alias] : [])),
    'help',
    'version',
    '_',
    '$0',
  ])
  const wrong = Object.keys(given).find((name) => !accepted.has(name))
  if (wrong === undefined) return
  const dashed = wrong.length === 1 ? `-${wrong}` : `--${wrong}`
  throw new UsageError(
    'unknown-flag',
    `there is no ${dashed}${didYouMean(wrong, known, '--') || '; see --help'}`,
  )
}

function oneModel([model, ...rest]: string[]): string {
  if (model === undefined)
    throw new UsageError('missing-model', 'name the model to compile: dropbp-compile model.onnx')
  if (rest.length === 0) return model
  throw new UsageError('extra-argument', `one model at a time, not also ${rest.join(' ')}; see --help`)
}

/** `<stem>.dropbp` beside the model. */
function defaultOutput(model: string): string {
  const { dir, name } = path.parse(model)
  return path.join(dir, `${name}.dropbp`)
}

function oneOf<T extends string>(flag: Flag, given: string, allowed: readonly T[]): T {
  if ((allowed as readonly string[]).includes(given)) return given as T
  throw new UsageError(
    'bad-value',
    `--${flag} ${given}: expected ${allowed.join(', ')}${didYouMean(given, allowed)}`,
  )
}

/** `<kind>` or `<kind>:<output>`. */
function parseLoss(text: string): CompileOptions['loss'] {
  const [, given, output] = /^([^:]*)(?::(.*))?$/s.exec(text)!
  const kind = oneOf('loss', given!, LOSSES)
  if (output === '') {
    throw new UsageError('bad-value', `--loss ${text}: name the output, --loss ${kind}:<name>`)
  }
  return output === undefined ? { kind } : { kind, output }
}

/** A share below 1. */
function parseShare(flag: Flag, given: number): number {
  if (given >= 0 && given < 1) return given
  throw new UsageError('bad-value', `--${flag} ${given}: expected a number from 0 to below 1`)
}

function parseKinds(text: string | undefined): SiteKind[] {
  if (text === undefined) return []
  const kinds = text.split(',')
  return kinds.includes('all') ? [...KINDS] : kinds.map((kind) => oneOf('recompute', kind, KINDS))
}

function passNames(given: string): string[] {
  return given === EVERY_PASS ? PASS_NAMES : [oneOf('print-after', given, PASS_NAMES)]
}

/** `batch=4,seq=1024`. */
function parseDims(text: string | undefined): Record<string, number> {
  const dims: Record<string, number> = {}
  for (const item of text?.split(',') ?? []) {
    const [, name, size] = /^([^=]+)=([1-9]\d*)$/.exec(item.trim()) ?? []
    if (name === undefined)
      throw new UsageError('bad-value', `--at ${text}: expected <dimension>=<size>, got "${item}"`)
    dims[name] = Number(size)
  }
  return dims
}

function refuseConflicts({ json, printAfter, dryRun, bindings }: CompileCommand): void {
  const clash = (a: string, b: string, why: string): UsageError =>
    new UsageError('conflicting-flags', `${a} and ${b} exclude each other: ${why}`)
  if (json && printAfter.size > 0) throw clash('--json', '--print-after', 'both write to stdout')
  if (dryRun && bindings !== undefined) throw clash('--dry-run', '--bindings', 'a dry run writes nothing')
}
