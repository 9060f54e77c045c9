/** From files to batches: everything between a path and a `BatchSource`, in one call. */
import type { Batch } from './batch.js'
import { Batches, type BatchOptions } from './batches.js'
import type { LabelMap } from './labels.js'
import { Opener } from './opener.js'
import type { DataModel, DataOptions } from './options.js'
import { fixedBatch } from './roles.js'
import { split } from './split.js'

/** Data that is ready to train on. */
export interface OpenData {
  readonly train: Batches
  /** Batches of the validation part, afresh at each call; undefined where there is none. */
  readonly validation: (() => Iterable<Batch>) | undefined
  /** Examples of each part. */
  readonly examples: { readonly train: number; readonly validation: number }
  /** Names and numbers of the classes, where the data has names. */
  readonly labels: LabelMap | undefined
  /** What the data is and what was done to it, in words. */
  readonly description: string
  close(): void
}

const DEFAULT_BATCH = 4
/** The same examples are held out whatever the seed of the training, so that runs with several can be compared. */
const SPLIT_SEED = 0

/**
 * Opens data for a model: reads, checks, splits, and makes batches of it. All records are checked; the first million
 * tokens are made at once, so that what does not fit the model is told before training.
 * @throws the errors of docs/data.md
 */
export async function openData(model: DataModel, options: DataOptions): Promise<OpenData> {
  const opener = new Opener(model, options)
  try {
    return await openParts(model, options, opener)
  } catch (error) {
    opener.close()
    throw error
  }
}

async function openParts(model: DataModel, options: DataOptions, opener: Opener): Promise<OpenData> {
  const { validationData } = options
  const whole = await opener.open([options.data].flat())
  const own = validationData === undefined ? undefined : await opener.open([validationData].flat())
  const random = whole.kind === 'rows' && options.shuffle !== false
  const parts = split(whole.dataset, {
    validation: own ? 0 : (options.validation ?? 0),
    ...(random ? { seed: SPLIT_SEED } : {}),
  })
  const held = own?.dataset ?? parts.validation
  const batching: BatchOptions = {
    ...options,
    batch: options.batch ?? fixedBatch(model) ?? DEFAULT_BATCH,
    capacity: whole.maxLength,
    pad: { ...options.pad, token: opener.pad },
  }
  const train = new Batches(model, parts.train, batching)
  const validation = held.length > 0 ? new Batches(model, held, batching) : undefined
  return {
    train,
    validation: validation && (() => validation.once()),
    examples: { train: parts.train.length, validation: held.length },
    labels: opener.labels,
    description: `${whole.description}; ${held.length} for validation`,
    close: () => opener.close(),
  }
}
