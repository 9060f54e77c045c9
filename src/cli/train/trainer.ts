/** From settings to a trainer. */
import { existsSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { selection } from '../../../passes/globs.js'
import {
  POLICIES,
  Trainer,
  type CompiledModel,
  type HandlerOptions,
  type Manifest,
  type MaskPolicy,
  type ParameterGroup,
  type PolicyName,
} from '../../../runtime/index.js'
import { UsageError } from '../../errors.js'
import { didYouMean } from '../suggest.js'
import type { TrainSettings } from './settings.js'

/** Opens a compiled directory for training; `steps` of the settings must be known. */
export async function openTrainer(
  { directory, manifest }: CompiledModel,
  settings: TrainSettings,
): Promise<Trainer> {
  const { schedule, clip, weightDecay, provider, session, threads, learningRate, rates, ratesAt, maskPer } =
    settings
  const steps = settings.steps!
  return Trainer.open(directory, {
    steps,
    learningRate,
    schedule,
    warmup: stepsOf(settings.warmup, steps),
    clipNorm: clip,
    hyperparameters: weightDecay === undefined ? {} : { weight_decay: weightDecay },
    decayed: settings.decayed,
    groups: (settings.lrScale ?? []).map(parseGroup),
    dropbp: await handlerOptions(manifest, settings, steps),
    maskPer,
    rates,
    ratesAt,
    session: {
      providers: [provider],
      ...(session === undefined ? {} : { backend: session }),
      ...(threads === undefined ? {} : { threads }),
    },
  })
}

/**
 * `glob=factor`
 * @throws UsageError `bad-value`
 */
function parseGroup(text: string): ParameterGroup {
  const at = text.lastIndexOf('=')
  const factor = at > 0 && at < text.length - 1 ? Number(text.slice(at + 1)) : NaN
  if (factor >= 0 && Number.isFinite(factor))
    return { parameters: text.slice(0, at), learningRateScale: factor }
  throw new UsageError('bad-value', `--lr-scale ${text}: expected parameters and a factor, as in lm_head=0.1`)
}

async function handlerOptions(
  { sites }: Manifest,
  settings: TrainSettings,
  steps: number,
): Promise<HandlerOptions> {
  const {
    dropRate,
    minRate,
    maxRate,
    policy,
    seed,
    period,
    frozenSites = [],
    dropWarmup,
    unbiased,
  } = settings
  const names = sites.map((site) => site.name)
  const frozen = selection('frozen-sites', 'site', frozenSites, names)
  return {
    dropRate,
    minRate,
    maxRate,
    seed,
    period,
    unbiased,
    dropWarmup: stepsOf(dropWarmup, steps),
    policy: await loadPolicy(policy),
    ...(frozen.isGiven && { frozen: (site) => frozen.match(site.name) !== undefined }),
  }
}

/** A number below 1 is a share of the training. */
function stepsOf(given: number, steps: number): number {
  return given < 1 ? Math.floor(given * steps) : given
}

/**
 * A built-in policy by name, or the default export of a module.
 * @throws UsageError `policy`
 */
async function loadPolicy(name: string): Promise<PolicyName | MaskPolicy> {
  if (Object.hasOwn(POLICIES, name)) return name as PolicyName
  if (!existsSync(name)) {
    const known = Object.keys(POLICIES)
    const hint = didYouMean(path.basename(name), known)
    throw new UsageError(
      'policy',
      `there is neither a policy nor a file ${path.basename(name)}${hint || `; policies: ${known.join(', ')}`}`,
    )
  }
  const { default: policy } = (await import(pathToFileURL(name).href)) as { default?: unknown }
  if (typeof policy === 'function') return policy as MaskPolicy
  throw new UsageError('policy', `${name}: its default export is no function that draws masks`)
}
