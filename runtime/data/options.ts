/** What data is opened with. */
import type { Manifest } from '../../src/manifest.js'
import type { BatchOptions } from './batches.js'
import type { FormatName } from './sources/index.js'
import type { SourceOptions } from './sources/source.js'
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
