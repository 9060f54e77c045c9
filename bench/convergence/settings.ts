/** What is trained, how, and under which names: the full benchmark's settings and the quick one's. */
import type { PolicyName, RateKind } from '../../runtime/index.js'
import type { GptShape } from '../gpt-text.js'

/** How one training goes: linear warm-up, then half a cosine to zero. */
export interface TrainingSettings {
  steps: number
  batch: number
  learningRate: number
  warmup: number
  /** Steps between validations. */
  evaluateEvery: number
}

export interface Settings {
  shape: GptShape
  pretraining: TrainingSettings & { saveEvery: number }
  fineTuning: TrainingSettings
  /** Drop rates beside 0. */
  rates: readonly number[]
  /**
   * Shares of the steps that rate 0 is trained for besides, each with a whole schedule: what the time or the FLOPs that DropBP
   * takes would have bought without it.
   */
  shares: readonly number[]
  /** As many times the steps as fit into rate 0's FLOPs, one for each drop rate, with a whole schedule. */
  longer: readonly number[]
  seeds: readonly number[]
  /** Learning rates that are tried at rate 0. */
  sweep: readonly number[]
  /** Rounds of the timing in which every configuration takes a step. */
  rounds: number
}

/** AdamW's decay and clipping, of all trainings alike. */
export const WEIGHT_DECAY = 0.1
export const CLIP_NORM = 1

const FULL: Settings = {
  shape: { layers: 6, hidden: 160, heads: 5, vocabulary: 256, positions: 128 },
  pretraining: {
    steps: 4000,
    batch: 8,
    learningRate: 2e-3,
    warmup: 200,
    evaluateEvery: 500,
    saveEvery: 250,
  },
  fineTuning: { steps: 300, batch: 8, learningRate: 8e-4, warmup: 15, evaluateEvery: 50 },
  rates: [0.5, 0.75, 0.875],
  shares: [0.35, 0.65],
  longer: [1.46, 1.95, 2.35],
  seeds: [1, 2, 3],
  sweep: [4e-4, 8e-4, 1.6e-3, 3.2e-3],
  rounds: 60,
}

const QUICK: Settings = {
  shape: { layers: 3, hidden: 96, heads: 3, vocabulary: 256, positions: 64 },
  pretraining: { steps: 1200, batch: 8, learningRate: 2e-3, warmup: 60, evaluateEvery: 400, saveEvery: 200 },
  fineTuning: { steps: 120, batch: 8, learningRate: 1e-3, warmup: 6, evaluateEvery: 20 },
  rates: [0.5, 0.875],
  shares: [0.35, 0.65],
  longer: [1.4, 2.1],
  seeds: [1, 2],
  sweep: [1e-3],
  rounds: 30,
}

/** The settings of the full benchmark, or of the five-minute one. */
export function settingsOf(quick: boolean): Settings {
  return quick ? QUICK : FULL
}

/** How the drop rate is divided among branches, and how masks are drawn from it. */
export const RULES = {
  uniform: { label: 'uniform', policy: 'budget', rates: 'uniform' },
  official: { label: 'official sensitivity', policy: 'official', rates: 'sensitivity' },
  online: { label: 'online sensitivity', policy: 'budget', rates: 'online' },
} as const satisfies Record<string, { label: string; policy: PolicyName; rates: RateKind }>

export type RuleName = keyof typeof RULES

export const RULE_NAMES = Object.keys(RULES) as RuleName[]

/** A rule at a drop rate, for a share of the steps, or for more. */
export interface Configuration {
  rule: RuleName
  rate: number
  share: number
}

/** One fine-tuning. */
export interface Run extends Configuration {
  seed: number
}

/** Rate 0, where the rules are the same; it stands as `uniform`. */
export const ALL_KEPT: Configuration = { rule: 'uniform', rate: 0, share: 1 }

/** Every rule at every drop rate. */
export function dropping({ rates }: Settings): Configuration[] {
  return RULE_NAMES.flatMap((rule) => rates.map((rate) => ({ rule, rate, share: 1 })))
}

/** Rate 0 for fewer steps. */
export function shortened({ shares }: Settings): Configuration[] {
  return shares.map((share) => ({ ...ALL_KEPT, share }))
}

/** A configuration for as many steps as fit into rate 0's FLOPs. */
export function lengthened({ rates, longer }: Settings, configuration: Configuration): Configuration {
  return { ...configuration, share: longer[rates.indexOf(configuration.rate)]! }
}

/** All fine-tunings, seed by seed. */
export function runs(settings: Settings): Run[] {
  const dropped = dropping(settings)
  const configurations = [
    ALL_KEPT,
    ...dropped,
    ...shortened(settings),
    ...dropped.map((configuration) => lengthened(settings, configuration)),
  ]
  return settings.seeds.flatMap((seed) => configurations.map((c) => ({ ...c, seed })))
}

/** The steps of a configuration. */
export function stepsOf(steps: number, { share }: Configuration): number {
  return Math.round(steps * share)
}

/** The name of a configuration in files: `official-0.75`, `all-kept`, `all-kept-for-0.7`. */
export function configurationName({ rule, rate, share }: Configuration): string {
  return (rate === 0 ? 'all-kept' : `${rule}-${rate}`) + (share === 1 ? '' : `-for-${share}`)
}

/** The name of a fine-tuning in files: `official-0.75-seed-2`. */
export function runName(run: Run): string {
  return `${configurationName(run)}-seed-${run.seed}`
}
