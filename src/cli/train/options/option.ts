/** What an option is. One description makes its flag, its key in a configuration file, its type and its checks. */
import path from 'node:path'

interface Described {
  /** A few words for `--help`; the default is added there. */
  readonly describe: string
  readonly alias?: string
  /** Seldom needed: `--help` leaves it out, `--help --all` does not. */
  readonly rare?: true
  /** Of one run: a checkpoint does not keep it, and `--resume` does not bring it back. */
  readonly transient?: boolean
}

export interface NumberOption extends Described {
  readonly type: 'number'
  readonly default?: number
  readonly min?: number
  /** Exclusive. */
  readonly above?: number
  /** Exclusive. */
  readonly below?: number
  readonly integer?: boolean
}

export interface StringOption extends Described {
  readonly type: 'string'
  readonly default?: string
  readonly choices?: readonly string[]
  /** A path: stored as an absolute one, except for these words. */
  readonly file?: { readonly except: readonly string[] } | true
  /** The flag alone stands for the empty string. */
  readonly bare?: boolean
}

/** Numbers, on the command line with commas between. */
export interface NumbersOption extends Described {
  readonly type: 'numbers'
  readonly default?: readonly number[]
}

/** Words; the flag is repeated for each. */
export interface ListOption extends Described {
  readonly type: 'list'
  readonly default?: readonly string[]
  /** Paths: stored as absolute ones. */
  readonly file?: true
}

export interface BooleanOption extends Described {
  readonly type: 'boolean'
  readonly default?: boolean
}

/** An option by its kind. */
export type Option = NumberOption | NumbersOption | StringOption | ListOption | BooleanOption

/** Options by their names as TypeScript spells them: `learningRate` is the flag `--learning-rate`. */
export type OptionTable = Readonly<Record<string, Option>>

/** The TypeScript type of an option's value. */
export type ValueOf<O extends Option> = O extends { readonly choices: readonly (infer C)[] }
  ? C
  : O extends { readonly type: 'number' }
    ? number
    : O extends { readonly type: 'boolean' }
      ? boolean
      : O extends { readonly type: 'numbers' }
        ? readonly number[]
        : O extends { readonly type: 'list' }
          ? readonly string[]
          : string

/** The values of a table: what has a default is always there. */
export type Values<T extends OptionTable> = {
  -readonly [K in keyof T as T[K] extends { readonly default: unknown } ? K : never]: ValueOf<T[K]>
} & {
  -readonly [K in keyof T as T[K] extends { readonly default: unknown } ? never : K]?: ValueOf<T[K]>
}

/** The value of an option that names files, as absolute paths from `directory`; any other value as it is. */
export function resolvePaths(option: Option, value: unknown, directory = '.'): unknown {
  if (option.type === 'list' && option.file)
    return [value as string | string[]].flat().map((file) => path.resolve(directory, file))
  if (option.type !== 'string' || !option.file) return value
  const isWord = option.file !== true && option.file.except.includes(value as string)
  return isWord ? value : path.resolve(directory, value as string)
}

/** `learningRate` as a flag: `learning-rate`. */
export function kebab(key: string): string {
  return key.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)
}

/** `learning-rate` as a name: `learningRate`. */
export function camel(flag: string): string {
  return flag.replace(/-([a-z])/g, (_, c: string) => c.toUpperCase())
}
