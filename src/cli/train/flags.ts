/** The command line of `dropbp-train`: its flags are the options. */
import yargs, { type Options } from 'yargs'
import { UsageError } from '../../errors.js'
import { didYouMean } from '../suggest.js'
import { readConfig } from './config-file.js'
import { GROUPS, OPTIONS, type OptionName } from './options/index.js'
import { camel, kebab, type Option } from './options/option.js'
import type { GivenSettings } from './settings.js'

/** What the command line says. */
export interface TrainCommand {
  /** A compiled directory or an .onnx model. */
  model: string
  settings: GivenSettings
}

type Arguments = Record<string, unknown> & { _: (string | number)[] }

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
    .options(flags())
    .parserConfiguration({ 'camel-case-expansion': false })
    .strictOptions()
    .wrap(Math.min(110, process.stdout.columns ?? 100))
    .epilogue('Exit codes: 0 done, 1 the training failed, 2 usage, 3 input or output, 130 stopped by Ctrl-C.')
    .version(version)
    .help()
    .showHidden('all', 'With --help: the seldom needed options too')
    .fail((message: string | undefined, error: Error | undefined) => {
      throw error instanceof UsageError ? error : usage(message ?? error?.message ?? 'cannot be read')
    })
    .exitProcess(false)
  const given = await parser.parseAsync([...argv], {}, (_error, _argv, output) => {
    if (!output) return
    answered = true
    process.stdout.write(`${output}\n`)
  })
  if (answered) return undefined
  checkNumbers(given as Arguments, argv)
  return toCommand(given as Arguments)
}

/** @throws UsageError `bad-value` for a word where a number belongs, of which the parser keeps NaN alone */
function checkNumbers(given: Arguments, argv: readonly string[]): void {
  for (const [name, { alias, type }] of Object.entries<Option>(OPTIONS)) {
    const flag = kebab(name)
    if (![given[flag]].flat().some(Number.isNaN)) continue
    const names = [`--${flag}`, `-${alias ?? flag}`]
    const at = argv.findLastIndex((word) => names.some((n) => word === n || word.startsWith(`${n}=`)))
    const word = argv[at]?.split('=')[1] ?? argv[at + 1]
    throw new UsageError(
      'bad-value',
      `--${flag} ${word}: expected ${type === 'numbers' ? 'numbers with commas between' : 'a number'}`,
    )
  }
}

function usage(message: string): UsageError {
  const choice = /Argument: ([^,]+), Given: "(.*)", Choices: (.*)/.exec(message)
  if (choice) {
    const [, flag, word, listed] = choice as unknown as [string, string, string, string]
    const known = [...listed.matchAll(/"([^"]*)"/g)].map((match) => match[1]!)
    return new UsageError(
      'usage',
      `--${flag} ${word}: expected one of ${known.join(', ')}${didYouMean(word, known)}`,
    )
  }
  const unknown = /^Unknown arguments?: ([^,\s]+)/.exec(message)?.[1]
  const hint = unknown === undefined ? '' : didYouMean(unknown, Object.keys(OPTIONS).map(kebab), '--')
  return new UsageError('usage', `${message}${hint || '; see dropbp-train --help'}`)
}

function flags(): Record<string, Options> {
  return Object.fromEntries(
    Object.entries(GROUPS).flatMap(([group, options]) =>
      Object.entries<Option>(options).map(([name, option]) => [kebab(name), flag(option, group)]),
    ),
  )
}

/** Defaults are shown but not set, so that a checkpoint's settings come between them and the flags. */
function flag(option: Option, group: string): Options {
  const shown = option.default === undefined ? '' : ` [${String(option.default)}]`
  return {
    ...yargsType(option),
    group: `${group}:`,
    describe: `${option.describe}${shown}`,
    ...(option.alias === undefined ? {} : { alias: option.alias }),
    ...(option.rare ? { hidden: true } : {}),
    ...('choices' in option && option.choices ? { choices: option.choices } : {}),
    ...(option.type === 'boolean' ? {} : { requiresArg: !('bare' in option && option.bare) }),
  }
}

function yargsType({ type }: Option): Options {
  if (type === 'list') return { type: 'string', array: true, nargs: 1 }
  return type === 'numbers' ? { type: 'string', coerce: numbers } : { type }
}

/** `0.1,0.5` as numbers; what is none becomes NaN, which `checkNumbers` refuses. */
function numbers(text: string): number[] {
  return text.split(',').map((part) => (part.trim() === '' ? NaN : Number(part)))
}

const isList = ({ type }: Option): boolean => type === 'list' || type === 'numbers'

async function toCommand(given: Arguments): Promise<TrainCommand> {
  const [model, ...rest] = given._
  if (rest.length > 0) throw usage(`one model at a time, not also ${rest.join(' ')}; data goes to --data`)
  const settings = Object.entries(given).flatMap(([name, value]) => {
    const key = camel(name)
    if (!Object.hasOwn(OPTIONS, key) || value === undefined) return []
    // Of a flag given twice the last one counts, unless it is a list.
    const last =
      Array.isArray(value) && !isList(OPTIONS[key as OptionName]) ? (value.at(-1) as unknown) : value
    return [[key, last] as const]
  })
  const flags = Object.fromEntries(settings) as GivenSettings
  const file = flags.config === undefined ? { settings: {} } : await readConfig(flags.config)
  const named = model === undefined ? file.model : String(model)
  if (named === undefined) throw usage('name a compiled directory or an .onnx model')
  return { model: named, settings: { ...file.settings, ...flags } }
}
