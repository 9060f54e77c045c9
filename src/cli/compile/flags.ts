/** The command line of `dropbp-compile`. */
import path from 'node:path'
import yargs from 'yargs'
import type { CompileOptions } from '../../../passes/pass.js'
import { OPTIMIZER_KINDS } from '../../../passes/optimizers/index.js'
import { UsageError } from '../../errors.js'
import { didYouMean } from '../suggest.js'
import { FLAGS, KINDS, PASS_NAMES, PRECISIONS, type Flag } from './flag-table.js'
import { oneOf, parseDims, parseKinds, parseLoss, parseShare, passNames } from './values.js'

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
      kernels: value('kernels') ?? false,
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

function refuseConflicts({ json, printAfter, dryRun, bindings }: CompileCommand): void {
  const clash = (a: string, b: string, why: string): UsageError =>
    new UsageError('conflicting-flags', `${a} and ${b} exclude each other: ${why}`)
  if (json && printAfter.size > 0) throw clash('--json', '--print-after', 'both write to stdout')
  if (dryRun && bindings !== undefined) throw clash('--dry-run', '--bindings', 'a dry run writes nothing')
}
