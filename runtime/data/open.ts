/** From files to batches: everything between a path and a `BatchSource`, in one call. */
import type { Manifest } from '../../src/manifest.js'
import type { Batch } from './batch.js'
import { Batches, type BatchOptions } from './batches.js'
import type { LabelMap } from './labels.js'
import { Opener } from './opener.js'
import { fixedBatch } from './roles.js'
import type { FormatName } from './sources/index.js'
import type { SourceOptions } from './sources/source.js'
import { split } from './split.js'
import type { TaskName } from './tasks/index.js'
import type { TaskOptions } from './tasks/task.js'

/** What data is told of its model; parameters tell how many positions that has. */
export type DataModel = Pick<Manifest, 'inputs' | 'loss'> & Partial<Pick<Manifest, 'parameters'>>

export interface DataOptions
  extends Partial<Omit<TaskOptions, 'maxLength'>>, Partial<BatchOptions>, SourceOptions {
  /** Files, or a directory of `.npy` files. Several files of records are read one after the other. */
  data: string | readonly string[]
  /** Format of the files where their names do not tell it. */
  format?: FormatName
  /** What the records are; found out from their columns by default. */
  task?: TaskName
  /** The file's names of columns by the task's: `{ text: 'review' }`. */
  columns?: Readonly<Record<string, string>>
  /** A `tokenizer.json`, or `bytes`. */
  tokenizer?: string
  /** Names of the classes in the order of their numbers; by default those in the data, sorted. */
  labels?: readonly string[]
  /** Most tokens of an example, and all of a window. */
  maxLength?: number
  /** A share below 1, or a number of examples, for validation; 0 by default. */
  validation?: number
  /** Files to validate on instead. */
  validationData?: string | readonly string[]
}

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
