/** Configuration files of `dropbp-train`, in YAML or JSON: the options by their names, and the model. */
import fs from 'node:fs'
import path from 'node:path'
import { UsageError } from '../../errors.js'
import { guarded, replaceFile } from '../../files.js'
import { didYouMean } from '../suggest.js'
import { OPTIONS, type OptionName } from './options/index.js'
import { camel, kebab, resolvePaths, type Option } from './options/option.js'
import type { GivenSettings } from './settings.js'

/** What a file says. */
export interface ConfigFile {
  model?: string
  settings: GivenSettings
}

/** Options that have no place in a file: they say what to do with it, or with what there is already. */
const COMMAND_LINE_ONLY: readonly string[] = ['config', 'resume', 'force'] satisfies OptionName[]

/**
 * Reads a file. Keys are spelled as flags (`learning-rate`) or as in TypeScript (`learningRate`); paths are relative to the
 * file.
 * @throws IOError `missing-file`; UsageError `config-syntax`, `config-key`, `config-value`
 */
export async function readConfig(file: string): Promise<ConfigFile> {
  const entries = Object.entries(await parse(file))
  const config: ConfigFile = { settings: {} }
  const directory = path.dirname(path.resolve(file))
  for (const [key, value] of entries) {
    if (value === null) continue
    if (key === 'model') config.model = path.resolve(directory, word(file, key, value))
    else Object.assign(config.settings, setting(file, directory, key, value))
  }
  return config
}

/** Writes the settings of a training, so that `--config` repeats it. */
export async function writeConfig(file: string, model: string, settings: GivenSettings): Promise<void> {
  const { stringify } = await import('yaml')
  const entries = Object.entries(settings)
    .filter(([name, value]) => value !== undefined && !COMMAND_LINE_ONLY.includes(name))
    .map(([name, value]) => [kebab(name), value] as const)
  const text = stringify({ model: path.resolve(model), ...Object.fromEntries(entries) })
  guarded(file, 'write', () => fs.mkdirSync(path.dirname(file), { recursive: true }))
  const heading = `# What this training was run with; again: dropbp-train --config ${path.basename(file)} --out <directory>\n`
  replaceFile(file, (sink) => sink.write(new TextEncoder().encode(heading + text)))
}

async function parse(file: string): Promise<Record<string, unknown>> {
  const { parseDocument } = await import('yaml')
  const text = guarded(file, 'read', () => fs.readFileSync(file, 'utf8'))
  const document = parseDocument(text, { prettyErrors: true })
  const [error] = document.errors
  if (error) throw new UsageError('config-syntax', `${file}: ${error.message.split('\n')[0]}`)
  const value: unknown = document.toJS()
  if (value === null) return {}
  if (typeof value === 'object' && !Array.isArray(value)) return value as Record<string, unknown>
  throw new UsageError('config-syntax', `${file}: expected options by name, as in "steps: 1000"`)
}

/** One setting, its value checked and as the flag would give it. */
function setting(file: string, directory: string, key: string, value: unknown): GivenSettings {
  const name = camel(key)
  if (!Object.hasOwn(OPTIONS, name) || COMMAND_LINE_ONLY.includes(name)) throw unknownKey(file, key)
  const option = OPTIONS[name as OptionName]
  const read = valueOf(option, value)
  if (read === undefined) {
    throw new UsageError(
      'config-value',
      `${file}: ${key}: ${JSON.stringify(value)}: expected ${expected(option)}`,
    )
  }
  return { [name]: resolvePaths(option, read, directory) }
}

function unknownKey(file: string, key: string): UsageError {
  if (COMMAND_LINE_ONLY.includes(camel(key)))
    return new UsageError('config-key', `${file}: "${key}" belongs on the command line: --${kebab(key)}`)
  const known = ['model', ...Object.keys(OPTIONS).map(kebab)]
  const hint = didYouMean(kebab(key), known)
  return new UsageError(
    'config-key',
    `${file}: there is no option "${key}"${hint || '; see dropbp-train --help'}`,
  )
}

/** The value in the option's type; undefined where it is of another. */
function valueOf(option: Option, value: unknown): unknown {
  const list = Array.isArray(value) ? (value as unknown[]) : [value]
  switch (option.type) {
    case 'numbers':
      return list.every((x) => typeof x === 'number') ? list : undefined
    case 'list':
      return list.every((x) => typeof x === 'string' || typeof x === 'number') ? list.map(String) : undefined
    case 'string': {
      if (typeof value !== 'string' && typeof value !== 'number') return undefined
      return option.choices && !option.choices.includes(String(value)) ? undefined : String(value)
    }
    default:
      return typeof value === option.type ? value : undefined
  }
}

function expected(option: Option): string {
  if (option.type === 'string' && option.choices) return `one of ${option.choices.join(', ')}`
  return {
    number: 'a number',
    numbers: 'numbers',
    boolean: 'true or false',
    string: 'a word',
    list: 'words',
  }[option.type]
}

function word(file: string, key: string, value: unknown): string {
  if (typeof value === 'string') return value
  throw new UsageError('config-value', `${file}: ${key}: expected a word`)
}
