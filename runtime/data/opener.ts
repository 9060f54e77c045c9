/** Opening files for a model: what they hold becomes a data set. */
import { IOError, UsageError } from '../../src/errors.js'
import type { Dataset } from './example.js'
import { LabelMap } from './labels.js'
import type { DataModel, DataOptions } from './options.js'
import { fixedLength, positionLimit, vocabulary } from './roles.js'
import { checkRows, joined, renamed, RowDataset } from './rows.js'
import { openSource } from './sources/index.js'
import type { Rows, Source, TokenSequence } from './sources/source.js'
import { describeSurvey, survey } from './survey.js'
import { chooseTask, TASKS, type TaskName } from './tasks/index.js'
import type { TaskContext } from './tasks/task.js'
import { openTokenizer, type TextTokenizer } from './tokenizer.js'
import { checkTokens, needed, tokenizedFile, TokenizedText } from './tokens.js'
import { TokenWindows } from './windows.js'

/** Most tokens of an example, where neither the options nor the model say: of a window, of a record. */
const DEFAULT_LENGTH = { tokens: 256, rows: 1024 }

/** Files that are open. */
export interface Opened {
  readonly kind: 'rows' | 'tokens'
  readonly dataset: Dataset
  readonly maxLength: number
  readonly description: string
}

/** What training and validation files have in common: tokenizer and class names. */
export class Opener {
  labels: LabelMap | undefined
  private opened: TextTokenizer | undefined
  private readonly sources: Source[] = []

  constructor(
    private readonly model: DataModel,
    private readonly options: DataOptions,
  ) {}

  /** The padding token: any will do, since it counts nowhere. */
  get pad(): number {
    return this.options.pad?.token ?? this.opened?.pad ?? this.opened?.eos ?? 0
  }

  async open(files: readonly string[]): Promise<Opened> {
    const sources: Source[] = []
    for (const file of files) {
      const source = await openSource(file, this.options.format, this.options)
      this.sources.push(source)
      sources.push(source)
    }
    const [first] = sources
    if (first?.kind === 'rows' && sources.every((s) => s.kind === 'rows')) return this.rows(files, sources)
    if (sources.length === 1 && first?.kind !== 'rows') return this.windows(files[0]!, first!)
    throw new UsageError('bad-value', `${files.join(', ')}: several files have to be files of records`)
  }

  /** Closes all files. */
  close(): void {
    for (const source of this.sources.splice(0)) source.close()
  }

  private rows(files: readonly string[], sources: readonly Rows[]): Opened {
    const name = files.join(', ')
    const filled = sources.filter((source) => source.length > 0)
    if (filled.length === 0) throw new IOError('empty-data', `${name}: holds no record`)
    const rows = renamed(joined(filled), this.options.columns ?? {})
    const taskName = chooseTask(this.model, rows.columns, name, this.options.task)
    const task = TASKS[taskName]
    checkRows(rows, task)
    this.collectLabels(rows, taskName)
    const maxLength = this.maxLength(DEFAULT_LENGTH.rows)
    const encode = task.encoder(this.context(maxLength, name))
    const dataset = new RowDataset(rows, encode, this.model, (token) => this.opened?.describe(token))
    const description = `${taskName}: ${describeSurvey(survey(dataset))}`
    return { kind: 'rows', dataset, maxLength, description }
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
    return { kind: 'tokens', dataset, maxLength, description }
  }

  private tokens(file: string, source: Exclude<Source, Rows>): TokenSequence {
    if (source.kind === 'tokens') return source
    if (this.options.tokenizer !== 'bytes') return new TokenizedText(source, this.tokenizer(file))
    const bytes = tokenizedFile(file, 'bytes')
    this.sources.push(bytes)
    return bytes
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
