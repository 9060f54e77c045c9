/** Examples: what the model is trained on, one at a time, before they are put into batches. */
import { DropBPError } from '../../src/errors.js'
import type { HostTensor } from '../../src/host-tensor.js'
import type { Manifest } from '../../src/manifest.js'
import { inputOf, vocabulary } from './roles.js'
import type { Where } from './sources/source.js'

/** What the data side reads of a manifest. */
export type Contract = Pick<Manifest, 'inputs' | 'loss'>

/** The label of a position that does not count. */
export const IGNORE = -100

/** One example. All sequences hold whole numbers. */
export interface Example {
  /** Token numbers [length] of the model's sequence, of the encoder's if it has two; empty where arrays feed the model. */
  readonly tokens: ArrayLike<number>
  /** A label for every position, {@link IGNORE} where none counts: [length], or [target length] with a decoder. */
  readonly labels?: ArrayLike<number>
  /** token_type_ids [length]; zeros where absent. */
  readonly types?: ArrayLike<number>
  /** Token numbers [target length] that an encoder-decoder's decoder reads: the target, shifted by one. */
  readonly decoder?: ArrayLike<number>
  /** Label of the whole example: one class number, or the numbers that a regression aims at. */
  readonly values?: ArrayLike<number>
  /** Tensors by the input of the model that they fill, without the batch axis; `labels` fills the labels. */
  readonly arrays?: Readonly<Record<string, HostTensor>>
  /** Tokens that truncation left out. */
  readonly cut?: number
}

/** The examples that share a row of a batch: one without packing. */
export type PackedRow = readonly Example[]

/** Examples that can be had in any order, without all being in memory. */
export interface Dataset {
  readonly length: number
  /** Example `i` of 0 … length − 1; null where nothing of it counts for the loss, because it was truncated away, say. */
  get(i: number): Example | null
  /** Where example `i` is from, for messages. */
  where(i: number): string
}

/** Whether any label of an example counts: a causal model's first one never does, nobody predicts it. */
export function counts({ labels }: Example, { loss }: Contract): boolean {
  if (!labels) return true
  for (let i = loss.kind === 'causal-lm' ? 1 : 0; i < labels.length; i++)
    if (labels[i] !== IGNORE) return true
  return false
}

/**
 * Refuses tokens and labels that the model has no row or class for.
 * @param describe the text of a token, where a tokenizer made it
 * @throws DropBPError `token-out-of-range`, `label-out-of-range`
 */
export function checkExample(
  example: Example,
  contract: Contract,
  where: Where,
  describe: (token: number) => string | undefined = () => undefined,
): void {
  const { classes } = contract.loss
  const own = vocabulary(contract) ?? Infinity
  const decoder = inputOf('decoder', contract)?.limit ?? Infinity
  for (const [sequence, known] of [
    [example.tokens, own],
    [example.decoder ?? [], decoder],
  ] as const) {
    const token = firstOutside(sequence, known)
    if (token === undefined) continue
    const text = describe(token)
    throw new DropBPError(
      'token-out-of-range',
      `${where}: token ${token}${text === undefined ? '' : ` (${JSON.stringify(text)})`}; the model knows 0 to ${known - 1}: is it another model's tokenizer?`,
    )
  }
  const kind = contract.loss.kind
  const labels = kind === 'class' ? example.values : kind === 'mse' || kind === 'bce' ? [] : example.labels
  const label = firstOutside(labels ?? [], classes ?? Infinity, IGNORE)
  if (label === undefined) return
  const range = classes === undefined ? 'from 0' : `0 to ${classes - 1}`
  throw new DropBPError(
    'label-out-of-range',
    `${where}: label ${label}; the model has the classes ${range}, and ${IGNORE} is ignored`,
  )
}

function firstOutside(values: ArrayLike<number>, limit: number, except = 0): number | undefined {
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    if (!(value >= 0 && value < limit) && value !== except) return value
  }
  return undefined
}

/** Some examples of a data set, in their order. */
export class Subset implements Dataset {
  /** @param indices which ones; a pair says from where to before where */
  constructor(
    private readonly dataset: Dataset,
    private readonly indices: Uint32Array | readonly [from: number, to: number],
  ) {}

  get length(): number {
    const { indices } = this
    return indices instanceof Uint32Array ? indices.length : indices[1] - indices[0]
  }

  get(i: number): Example | null {
    return this.dataset.get(this.index(i))
  }

  where(i: number): string {
    return this.dataset.where(this.index(i))
  }

  private index(i: number): number {
    return this.indices instanceof Uint32Array ? this.indices[i]! : this.indices[0] + i
  }
}
