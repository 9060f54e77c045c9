/** Facts of a training, for its records. */
import path from 'node:path'
import { SINKS, type Manifest, type RunFacts, type SinkName } from '../../../runtime/index.js'
import { sizeOf } from '../../host-tensor.js'
import { UsageError } from '../../errors.js'
import { didYouMean } from '../suggest.js'
import { kebab } from './options/option.js'
import type { TrainSettings } from './settings.js'

/** What reports and cards say of a training beside its events. */
export function factsOf(
  model: string,
  manifest: Manifest,
  settings: TrainSettings,
  data: { steps: number; description: string },
): RunFacts {
  const weights = (of: readonly { shape: number[] }[]): number => of.reduce((n, p) => n + sizeOf(p.shape), 0)
  return {
    model: path.basename(model),
    trainable: weights(manifest.parameters.filter((p) => p.trainable)),
    parameters: weights(manifest.parameters),
    sites: manifest.sites.map(({ name, kind }) => ({ name, kind })),
    steps: data.steps,
    data: data.description,
    optimizer: manifest.optimizer.kind,
    dropRate: settings.dropRate,
    settings: Object.fromEntries(Object.entries(settings).map(([name, value]) => [kebab(name), value])),
  }
}

/**
 * Kinds of record by their names.
 * @throws UsageError `bad-value`
 */
export function sinkNames(given: readonly string[]): SinkName[] {
  const unknown = given.find((name) => !Object.hasOwn(SINKS, name))
  if (unknown === undefined) return given as SinkName[]
  const known = Object.keys(SINKS)
  throw new UsageError(
    'bad-value',
    `--record ${unknown}: expected ${known.join(', ')}${didYouMean(unknown, known)}`,
  )
}
