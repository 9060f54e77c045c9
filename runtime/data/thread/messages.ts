/** What a training says to the thread that reads its data, and what that answers. */
import type { Failure } from '../../../src/failure.js'
import type { Batch } from '../batch.js'
import type { DataPosition } from '../batch-source.js'
import type { DataModel, DataOptions } from '../options.js'

/** What the thread is started with. */
export interface DataThreadData {
  readonly model: DataModel
  readonly options: DataOptions
}

/** Batches of the training part, or of the validation part once. */
export type Stream = 'train' | 'validation'

/** To the thread. A new number of a stream starts it anew: the training part at a position, the other at its front. */
export type DataRequest =
  | { type: 'start'; stream: Stream; number: number; position: DataPosition | null }
  | { type: 'more'; stream: Stream; number: number; batches: number }
  | { type: 'count' }
  | { type: 'close' }

/** What the data is, once it is open. */
export interface DataFacts {
  readonly batchSize: number
  readonly examples: { readonly train: number; readonly validation: number }
  readonly labels: readonly string[] | null
  readonly description: string
  readonly position: DataPosition
}

/** From the thread. A batch is null at the end of validation; a position is where training data stands after the batch. */
export type DataMessage =
  | { type: 'opened'; facts: DataFacts }
  | { type: 'batch'; stream: 'train'; number: number; batch: Batch; position: DataPosition }
  | { type: 'batch'; stream: 'validation'; number: number; batch: Batch | null }
  | { type: 'counted'; rows: number }
  | { type: 'failed'; failure: Failure }
