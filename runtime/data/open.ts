/** From files to batches: everything between a path and a `BatchSource`, in one call. */
import { IOError, UsageError } from '../../src/errors.js'
import type { Manifest } from '../../src/manifest.js'
import type { Batch } from './batch.js'
import { Batches, type BatchOptions } from './batches.js'
import type { Dataset } from './example.js'
import { LabelMap } from './labels.js'
import { fixedBatch, fixedLength, positionLimit, vocabulary } from './roles.js'
import { checkRows, joined, renamed, RowDataset } from './rows.js'
import { openSource, type FormatName } from './sources/index.js'
import type { Rows, Source, SourceOptions, TokenSequence } from './sources/source.js'
import { split } from './split.js'
import { describeSurvey, survey } from './survey.js'
import { chooseTask, TASKS, type TaskName } from './tasks/index.js'
import type { TaskContext, TaskOptions } from './tasks/task.js'
import { openTokenizer, type TextTokenizer } from './tokenizer.js'
import { checkTokens, needed, tokenizedFile, TokenizedText } from './tokens.js'
import { TokenWindows } from './windows.js'

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

const DEFAULT_LENGTH = { tokens: 256, rows: 1024 }
const DEFAULT_BATCH = 4
/** The same examples are held out whatever the seed of the training, so that runs with several can be compared. */
const SPLIT_SEED = 0

type Model = Pick<Manifest, 'inputs' | 'loss'> & Partial<Pick<Manifest, 'parameters'>>

/**
 * Opens data for a model: reads, checks, splits, and makes batches of it. All records are checked; the first few million
 * tokens are made at once, so that what does not fit the model is told before training.
 * @throws the errors of docs/data.md
 */
export async function openData(model: Model, options: DataOptions): Promise<OpenData> {
  const opener = new Opener(model, options)
  const files = [options.data].flat()
  const whole = await opener.open(files)
  const own =
    options.validationData === undefined ? undefined : await opener.open([options.validationData].flat())
  const random = whole.kind === 'rows' && options.shuffle !== false
  const parts = split(whole.dataset, {
    validation: own ? 0 : (options.validation ?? 0),
    ...(random ? { seed: SPLIT_SEED } : {}),
  })
  const held = own?.dataset ?? parts.validation
  const batch = options.batch ?? fixedBatch(model) ?? DEFAULT_BATCH
  const batching: BatchOptions = {
    ...options,
    batch,
    capacity: whole.maxLength,
    pad: { token: opener.pad, ...options.pad },
  }
  const train = new Batches(model, parts.train, batching)
  const validation = held.length > 0 ? new Batches(model, held, batching) : undefined
  return {
    train,
    validation: validation && (() => validation.once()),
    examples: { train: parts.train.length, validation: held.length },
    labels: opener.labels,
    description: `${whole.description}; ${held.length} for validation`,
    close() {
      whole.close()
      own?.close()
    },
  }
}

interface Opened {
  readonly kind: 'rows' | 'tokens'
  readonly dataset: Dataset
  readonly maxLength: number
  readonly description: string
  close(): void
}

/** What training and validation files have in common: tokenizer and class names. */
class Opener {
  labels: LabelMap | undefined
  private opened: TextTokenizer | undefined

  constructor(
    private readonly model: Model,
    private readonly options: DataOptions,
  ) {}

  /** The padding token: any will do, since it counts nowhere. */
  get pad(): number {
    return this.options.pad?.token ?? this.opened?.pad ?? this.opened?.eos ?? 0
  }

  async open(files: readonly string[]): Promise<Opened> {
    const sources: Source[] = []
    for (const file of files) sources.push(await openSource(file, this.options.format, this.options))
    const [first] = sources
    if (first?.kind === 'rows' && sources.every((s) => s.kind === 'rows')) return this.rows(files, sources)
    if (sources.length === 1 && first?.kind !== 'rows') return this.windows(files[0]!, first!)
    throw new UsageError('bad-value', `${files.join(', ')}: several files have to be files of records`)
  }

  private rows(files: readonly string[], sources: readonly Rows[]): Opened {
    const rows = renamed(joined(sources), this.options.columns ?? {})
    const name = files.join(', ')
    if (rows.length === 0) throw new IOError('empty-data', `${name}: holds no record`)
    const taskName = chooseTask(this.model, rows.columns, name, this.options.task)
    const task = TASKS[taskName]
    checkRows(rows, task)
    this.collectLabels(rows, taskName)
    const maxLength = this.maxLength(DEFAULT_LENGTH.rows)
    const encode = task.encoder(this.context(maxLength, name))
    const dataset = new RowDataset(rows, encode, this.model, (token) => this.opened?.describe(token))
    const description = `${taskName}: ${describeSurvey(survey(dataset))}`
    return { kind: 'rows', dataset, maxLength, description, close: () => rows.close() }
  }

  private windows(file: string, source: Exclude<Source, Rows>): Opened {
    const { model } = this
    if (model.loss.kind !== 'causal-lm' && model.loss.labels !== null) {
      throw new UsageError(
        'unsupported-data',
        `the loss is ${model.loss.kind}: text and token files train causal language models only; give records, as JSON lines for example`,
      )
    }
    const tokens = this.tokens(file, source)
    const maxLength = this.maxLength(DEFAULT_LENGTH.tokens)
    checkTokens(tokens, vocabulary(model), file)
    const dataset = new TokenWindows(tokens, maxLength, file)
    if (dataset.length === 0) {
      throw new UsageError(
        'too-little-data',
        `${file}: ${tokens.length} tokens do not fill one window of ${maxLength}; give more data or a smaller length`,
      )
    }
    const description = `${dataset.length} windows of ${maxLength} tokens`
    return { kind: 'tokens', dataset, maxLength, description, close: () => tokens.close() }
  }

  private tokens(file: string, source: Exclude<Source, Rows>): TokenSequence {
    if (source.kind === 'tokens') return source
    if (this.options.tokenizer === 'bytes') {
      source.close()
      return tokenizedFile(file, 'bytes')
    }
    return new TokenizedText(source, this.tokenizer(file))
  }

  private tokenizer(file: string): TextTokenizer {
    return (this.opened ??= openTokenizer(needed(this.options.tokenizer, file)))
  }

  private collectLabels(rows: Rows, task: TaskName): void {
    const { kind, classes } = this.model.loss
    if (this.labels || task !== 'classification' || (kind !== 'class' && kind !== 'bce')) return
    const { labels } = this.options
    this.labels = labels ? new LabelMap(labels) : LabelMap.collect(rows, 'label', classes)
  }

  private context(maxLength: number, file: string): TaskContext {
    const tokenizer = (): TextTokenizer => this.tokenizer(file)
    const pad = (): number => this.pad
    return {
      ...this.options,
      contract: this.model,
      maxLength,
      labels: this.labels,
      get pad() {
        return pad()
      },
      // Records of token numbers need none.
      get tokenizer() {
        return tokenizer()
      },
    }
  }

  /** @throws UsageError `bad-value` */
  private maxLength(fallback: number): number {
    const { maxLength: asked } = this.options
    const fixed = fixedLength(this.model)
    const limit = positionLimit(this.model)
    if (fixed !== undefined && asked !== undefined && asked !== fixed)
      throw new UsageError(
        'bad-value',
        `a length (--seq) of ${asked}: the model's sequences have exactly ${fixed} tokens`,
      )
    if (limit !== undefined && asked !== undefined && asked > limit)
      throw new UsageError('bad-value', `a length (--seq) of ${asked}: the model has ${limit} positions`)
    return asked ?? fixed ?? Math.min(fallback, limit ?? fallback)
  }
}
