/** A data set as batches: shuffled epoch by epoch, packed, padded, from any place on again. */
import { UsageError } from '../../src/errors.js'
import { Random } from '../random.js'
import type { Batch } from './batch.js'
import type { BatchSource, DataPosition } from './batch-source.js'
import { collate, type PadOptions } from './collate.js'
import { IGNORE, type Contract, type Dataset, type Example, type PackedRow } from './example.js'
import { checkPacking, packRows, type PackOptions } from './pack.js'
import { fixedBatch } from './roles.js'

export interface BatchOptions extends PackOptions {
  /** Rows of a batch. */
  batch: number
  seed?: number
  /** Off delivers examples in the order of the data. */
  shuffle?: boolean
  pad?: Omit<PadOptions, 'packing'>
}

/** Examples that are looked at together when they are packed. */
const LOOKAHEAD = 512

/**
 * Batches of a data set for a model, epoch after epoch; a batch may reach into the next epoch. The order of an epoch
 * depends on seed and epoch alone, so that a position says everything.
 */
export class Batches implements BatchSource {
  private epoch = 0
  private index = 0
  private packed = 0
  private order: { epoch: number; of: Uint32Array } | undefined
  /** Packed rows of the examples from `index` on, and how many examples those are. */
  private window: { rows: PackedRow[]; examples: number } | undefined

  /** @throws UsageError `too-little-data`, `packing-contaminates`, `bad-value` */
  constructor(
    private readonly contract: Contract,
    private readonly dataset: Dataset,
    private readonly options: BatchOptions,
  ) {
    if (dataset.length < 1) throw new UsageError('too-little-data', 'the data holds no example to train on')
    const fixed = fixedBatch(contract)
    if (fixed !== undefined && fixed !== options.batch)
      throw new UsageError('bad-value', `batches of ${options.batch}: the model takes exactly ${fixed} rows`)
    if (options.packing) checkPacking(contract, options)
  }

  /** Rows of a batch. */
  get batchSize(): number {
    return this.options.batch
  }

  /** @throws UsageError `nothing-to-train` where no example of the data has a label that counts */
  next(): Batch {
    const rows: PackedRow[] = []
    let epochs = 0
    while (rows.length < this.options.batch) {
      const row = this.nextRow()
      if (row) rows.push(row)
      else if (++epochs > 1 && rows.length === 0) throw nothingToTrain(this.dataset)
    }
    return this.collate(rows)
  }

  position(): DataPosition {
    const packed = this.options.packing ? { packed: this.packed } : {}
    return { epoch: this.epoch, index: this.index, ...packed, of: this.dataset.length }
  }

  seek({ epoch, index, packed = 0, of }: DataPosition): void {
    const { length } = this.dataset
    if (!(index >= 0 && index <= length) || (of ?? length) !== length) {
      throw new UsageError(
        'data-position',
        `position ${index} of ${of ?? '?'} examples, the data has ${length}; is it the same file, split and length?`,
      )
    }
    this.epoch = epoch
    this.index = index
    this.packed = packed
    this.window = undefined
  }

  /** Batches of every example once, in the order of the data, wherever the source stands; the last one may be smaller. */
  *once(): Generator<Batch> {
    const fixed = fixedBatch(this.contract)
    let rows: PackedRow[] = []
    for (const row of this.rowsOnce()) {
      rows.push(row)
      if (rows.length < this.options.batch) continue
      yield this.collate(rows)
      rows = []
    }
    if (rows.length === 0) return
    if (fixed === undefined) yield this.collate(rows)
    else if (rows.every((row) => row.every((e) => e.labels)))
      yield this.collate([
        ...rows,
        ...Array<PackedRow>(fixed - rows.length).fill(rows[0]!.map(withoutLabels)),
      ])
  }

  /**
   * Rows of an epoch: its examples, or with packing about how many rows those fill.
   * @param sample examples that are packed to find out
   */
  rowsPerEpoch(sample = 20_000): number {
    if (!this.options.packing) return this.dataset.length
    const count = Math.min(sample, this.dataset.length)
    let rows = 0
    for (let i = 0; i < count; i += LOOKAHEAD) rows += this.pack(i, count, 0).rows.length
    return Math.max(1, Math.round((rows / count) * this.dataset.length))
  }

  /** The next row; null where an epoch ended without one that counts. */
  private nextRow(): PackedRow | null {
    if (this.options.packing) return this.nextPacked()
    while (this.index < this.dataset.length) {
      const example = this.dataset.get(this.place(this.index++, this.epoch))
      if (example) return [example]
    }
    this.nextEpoch()
    return null
  }

  private nextPacked(): PackedRow | null {
    while (this.index < this.dataset.length) {
      this.window ??= this.pack(this.index, this.dataset.length, this.epoch)
      if (this.packed < this.window.rows.length) return this.window.rows[this.packed++]!
      this.index += this.window.examples
      this.packed = 0
      this.window = undefined
    }
    this.nextEpoch()
    return null
  }

  private nextEpoch(): void {
    this.epoch++
    this.index = 0
  }

  /** Examples from `start` on, at most up to `end`, in packed rows. */
  private pack(start: number, end: number, epoch: number): { rows: PackedRow[]; examples: number } {
    const stop = Math.min(end, start + LOOKAHEAD)
    const examples: Example[] = []
    for (let i = start; i < stop; i++) {
      const example = this.dataset.get(this.place(i, epoch))
      if (example) examples.push(example)
    }
    const lengths = examples.map((e) => e.tokens.length)
    const rows = packRows(lengths, this.options.capacity!).map((row) => row.map((i) => examples[i]!))
    return { rows, examples: stop - start }
  }

  private *rowsOnce(): Generator<PackedRow> {
    const plain = new Batches(this.contract, this.dataset, { ...this.options, shuffle: false })
    for (let row = plain.nextRow(); row; row = plain.nextRow()) yield row
  }

  /** Which example is number `i` of an epoch. */
  private place(i: number, epoch: number): number {
    if (this.options.shuffle === false) return i
    if (this.order?.epoch !== epoch) {
      const random = Random.seeded(this.options.seed ?? 0, 1000 + epoch)
      this.order = { epoch, of: random.permutation(this.dataset.length) }
    }
    return this.order.of[i]!
  }

  private collate(rows: readonly PackedRow[]): Batch {
    const { pad, packing } = this.options
    return collate(this.contract, rows, { ...pad, packing })
  }
}

const withoutLabels = (example: Example): Example => ({
  ...example,
  labels: new Int32Array(example.labels!.length).fill(IGNORE),
})

function nothingToTrain(dataset: Dataset): UsageError {
  return new UsageError(
    'nothing-to-train',
    `none of the ${dataset.length} examples (${dataset.where(0)} …) has a label that counts: all are empty, or truncated before what is to be predicted`,
  )
}
