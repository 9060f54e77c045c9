/** What a trainer draws its batches from. */
import type { Batch } from './batch.js'

/**
 * An endless source of batches that can be taken back to where it was: after `seek(position())` the same batches come
 * again, bit for bit.
 */
export interface BatchSource {
  /**
   * The next batch, or a promise of it where the source reads elsewhere; the trainer awaits either. A class promises one of
   * the two: `Batches` gives its batches at once.
   */
  next(): Batch | Promise<Batch>
  /** Where the source stands, the batches that `next` gave being done; plain JSON. */
  position(): DataPosition
  /** @throws UsageError `data-position` where the position is not one of this data */
  seek(position: DataPosition): void
}

/** Place in a shuffled data set. */
export interface DataPosition {
  /** Passes over the data that are complete. */
  epoch: number
  /** Examples of this epoch that are done. */
  index: number
  /** Packed rows that were delivered of the examples from `index` on; absent without packing. */
  packed?: number
  /** Examples of an epoch, by which data that was exchanged is noticed; absent in old checkpoints. */
  of?: number
}
