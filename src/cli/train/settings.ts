/** What `dropbp-train` is told: flags over a checkpoint's settings over defaults, checked. */
import { UsageError } from '../../errors.js'
import { OPTIONS, type OptionName, type TrainSettings } from './options/index.js'
import { kebab, resolvePaths, type NumberOption, type Option } from './options/option.js'

export type { TrainSettings } from './options/index.js'

/** Settings as given; absent ones are undefined. */
export type GivenSettings = Partial<TrainSettings>

/** The settings of a training: `data` is there. */
export type ResolvedSettings = TrainSettings & { data: readonly string[] }

const entries = Object.entries(OPTIONS) as [OptionName, Option][]

/** Default values by option. */
const DEFAULTS = Object.fromEntries(
  entries.filter(([, o]) => o.default !== undefined).map(([name, o]) => [name, o.default]),
) as GivenSettings

/**
 * Puts flags over stored settings over defaults.
 * @throws UsageError `missing-data`, `bad-value`
 */
export function resolveSettings(given: GivenSettings, stored: GivenSettings | null): ResolvedSettings {
  const defined = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  const settings = { ...DEFAULTS, ...stored, ...defined } as TrainSettings
  // A length given in epochs replaces a stored one in steps.
  if (given.epochs !== undefined && given.steps === undefined) delete settings.steps
  if (settings.data === undefined) {
    throw new UsageError('missing-data', 'nothing to train on: name a file with --data')
  }
  const values = settings as Record<string, unknown>
  for (const [name, option] of entries) {
    const value = values[name]
    if (value === undefined) continue
    if (option.type === 'number') checkRange(value as number, name, option)
    values[name] = resolvePaths(option, value)
  }
  return settings as ResolvedSettings
}

/** What a checkpoint keeps: all but what concerns one run alone. */
export function storedSettings(settings: TrainSettings): GivenSettings {
  const kept = Object.entries(settings).filter(
    ([name]) => Object.hasOwn(OPTIONS, name) && !OPTIONS[name as OptionName].transient,
  )
  return Object.fromEntries(kept) as GivenSettings
}

/** @throws UsageError `bad-value` */
function checkRange(value: number, name: string, option: NumberOption): void {
  const { min = -Infinity, above = -Infinity, below = Infinity, integer } = option
  if (value >= min && value > above && value < below && (!integer || Number.isInteger(value))) return
  const bounds = [
    option.above !== undefined ? `above ${above}` : '',
    option.min !== undefined ? `from ${min}` : '',
    option.below !== undefined ? `to below ${below}` : '',
  ]
  const expected = [integer ? 'a whole number' : 'a number', ...bounds.filter(Boolean)].join(' ')
  throw new UsageError('bad-value', `--${kebab(name)} ${value}: expected ${expected}`)
}
