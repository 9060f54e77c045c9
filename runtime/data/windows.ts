/** Training data for language models: windows of a token sequence, split and shuffled reproducibly, as batches. */
import { DropBPError, UsageError } from '../../src/errors.js'
import type { Manifest, TensorSpec } from '../../src/manifest.js'
import type { Batch } from './batch.js'
import type { BatchSource, DataPosition } from './batch-source.js'
import { Random } from '../random.js'
import { zeros, type HostTensor } from '../../src/host-tensor.js'
import type { Tokens } from './tokens.js'

/** Consecutive, non-overlapping windows of a token sequence; a shorter rest is left out. */
export class TokenWindows {
  constructor(
    readonly tokens: Tokens,
    readonly length: number,
    /** First window and number of windows. */
    private readonly first = 0,
    readonly count = Math.floor(tokens.length / length),
  ) {}

  /**
   * Splits the last `fraction` of the windows off for validation: at least one where any is asked for.
   * @throws UsageError `too-little-data`
   */
  split(fraction: number): { train: TokenWindows; validation: TokenWindows } {
    const held = fraction > 0 ? Math.max(1, Math.round(this.count * fraction)) : 0
    if (this.count - held < 1) {
      throw new UsageError(
        'too-little-data',
        `${this.tokens.length} tokens make ${this.count} windows of ${this.length}; ${held} of them for validation leave none to train on`,
      )
    }
    const part = (first: number, count: number): TokenWindows =>
      new TokenWindows(this.tokens, this.length, this.first + first, count)
    return { train: part(0, this.count - held), validation: part(this.count - held, held) }
  }

  /** The tokens of window `i`. */
  window(i: number): Tokens {
    const start = (this.first + i) * this.length
    return this.tokens.subarray(start, start + this.length)
  }
}

export interface LanguageDataOptions {
  batch: number
  seed?: number
  /** Off delivers windows in the order of the text. */
  shuffle?: boolean
}

/** Batches of token windows for a causal language model, epoch after epoch; a batch may reach into the next epoch. */
export class LanguageBatches implements BatchSource {
  private epoch = 0
  private index = 0
  private order: Uint32Array | undefined

  constructor(
    private readonly manifest: Pick<Manifest, 'inputs' | 'loss'>,
    private readonly windows: TokenWindows,
    private readonly options: LanguageDataOptions,
  ) {
    if (windows.count < 1) throw tooShort(windows)
    checkLanguageInputs(manifest)
  }

  next(): Batch {
    const windows: Tokens[] = []
    while (windows.length < this.options.batch) windows.push(this.nextWindow())
    return languageBatch(this.manifest, windows)
  }

  position(): DataPosition {
    return { epoch: this.epoch, index: this.index }
  }

  seek({ epoch, index }: DataPosition): void {
    if (!(index >= 0 && index <= this.windows.count)) {
      throw new UsageError(
        'data-position',
        `position ${index} in data of ${this.windows.count} windows; is it the same file?`,
      )
    }
    this.epoch = epoch
    this.index = index
    this.order = undefined
  }

  private nextWindow(): Tokens {
    if (this.index === this.windows.count) {
      this.epoch++
      this.index = 0
      this.order = undefined
    }
    return this.windows.window(this.place(this.index++))
  }

  /** The order of an epoch depends on seed and epoch alone, so that a position says everything. */
  private place(i: number): number {
    if (this.options.shuffle === false) return i
    this.order ??= Random.seeded(this.options.seed ?? 0, 1000 + this.epoch).permutation(this.windows.count)
    return this.order[i]!
  }
}

/** Batches of every window once, in order; the last one may be smaller. */
export function* batchesOnce(
  manifest: Pick<Manifest, 'inputs' | 'loss'>,
  windows: TokenWindows,
  batch: number,
): Generator<Batch> {
  const fixed = fixedBatch(manifest)
  for (let i = 0; i < windows.count; i += batch) {
    const size = Math.min(batch, windows.count - i)
    if (fixed !== undefined && size < batch) return
    yield languageBatch(
      manifest,
      Array.from({ length: size }, (_, k) => windows.window(i + k)),
    )
  }
}

/** The batch size that the graph fixes, if it does. */
export function fixedBatch({ inputs }: Pick<Manifest, 'inputs'>): number | undefined {
  const dim = inputs[0]?.shape[0]
  return typeof dim === 'number' ? dim : undefined
}

/** The sequence length that the graph fixes, if it does. */
export function fixedLength({ inputs }: Pick<Manifest, 'inputs'>): number | undefined {
  const dim = inputs[0]?.shape[1]
  return typeof dim === 'number' ? dim : undefined
}

/** How many token numbers the model knows, where the graph tells. */
export function vocabulary({ inputs, loss }: Pick<Manifest, 'inputs' | 'loss'>): number | undefined {
  const limits = [inputs.find((i) => ROLES.tokens.test(i.name))?.limit, loss.classes].filter(
    (n) => n !== undefined,
  )
  return limits.length > 0 ? Math.min(...limits) : undefined
}

const ROLES = {
  tokens: /^(decoder_)?(input_ids|inputs?|tokens?|idx|ids)$/,
  mask: /^(attention_)?mask$/,
  positions: /^(position_ids|positions?)$/,
  types: /^token_type_ids$/,
}

/** A batch from windows of equal length: tokens are their own labels, since the graph shifts them. */
function languageBatch(manifest: Pick<Manifest, 'inputs' | 'loss'>, windows: readonly Tokens[]): Batch {
  const length = windows[0]!.length
  const inputs: Record<string, HostTensor> = {}
  for (const spec of manifest.inputs) {
    const role = roleOf(spec)!
    const rows = typeof spec.shape[0] === 'number' ? spec.shape[0] : windows.length
    inputs[spec.name] = fill(spec, rows, length, (row, at) =>
      role === 'tokens' ? windows[row]![at]! : role === 'mask' ? 1 : role === 'positions' ? at : 0,
    )
  }
  const { labels } = manifest.loss
  return { inputs, labels: labels && fill(labels, windows.length, length, (row, at) => windows[row]![at]!) }
}

function fill(
  spec: TensorSpec,
  batch: number,
  length: number,
  value: (row: number, at: number) => number,
): HostTensor {
  const tensor = zeros(spec.dtype, [batch, length])
  const put: (i: number, x: number) => void =
    tensor.data instanceof BigInt64Array || tensor.data instanceof BigUint64Array
      ? (i, x) => ((tensor.data as BigInt64Array)[i] = BigInt(x))
      : (i, x) => ((tensor.data as Float32Array)[i] = x)
  for (let row = 0; row < batch; row++)
    for (let at = 0; at < length; at++) put(row * length + at, value(row, at))
  return tensor
}

function roleOf(spec: TensorSpec): keyof typeof ROLES | undefined {
  if (spec.shape.length !== 2) return undefined
  return (Object.keys(ROLES) as (keyof typeof ROLES)[]).find((role) => ROLES[role].test(spec.name))
}

/** Refuses models that token windows cannot feed. */
function checkLanguageInputs({ inputs, loss }: Pick<Manifest, 'inputs' | 'loss'>): void {
  if (loss.kind !== 'causal-lm' && loss.labels !== null) {
    throw new DropBPError(
      'unsupported-data',
      `the loss is ${loss.kind}: text and token files train causal language models only; give the Trainer batches of your own`,
    )
  }
  const unknown = inputs.find((spec) => !roleOf(spec))
  if (unknown || !inputs.some((spec) => roleOf(spec) === 'tokens')) {
    const why = unknown
      ? `its input "${unknown.name}" [${unknown.shape.join(', ')}] is none that a text fills`
      : 'it takes no tokens'
    throw new DropBPError(
      'unsupported-data',
      `the model is not fed by text: ${why}; give the Trainer batches of your own`,
    )
  }
}

function tooShort(windows: TokenWindows): UsageError {
  const { tokens, length } = windows
  return new UsageError(
    'too-little-data',
    `${tokens.length} tokens do not fill one window of ${length}; give more data or a smaller --seq`,
  )
}
