/** Data: from files to batches. Re-exports only. */
export { checkBatch, countedLabels, countedTokens, type Batch, type Dims } from './batch.js'
export type { BatchSource, DataPosition } from './batch-source.js'
export { Batches, type BatchOptions } from './batches.js'
export { ChatTemplate } from './chat.js'
export type { Message, RenderedChat, Span } from './conversation.js'
export { collate, type PadOptions } from './collate.js'
export {
  checkExample,
  IGNORE,
  Subset,
  type Contract,
  type Dataset,
  type Example,
  type PackedRow,
} from './example.js'
export { LabelMap } from './labels.js'
export { fillMask, segmentsOf, type Segments } from './mask.js'
export { openData, type OpenData } from './open.js'
export type { DataModel, DataOptions } from './options.js'
export { packRows, PACKINGS } from './pack.js'
export { prefetch } from './prefetch.js'
export { fixedBatch, fixedLength, positionLimit, roleOf, vocabulary, type Role } from './roles.js'
export { checkRows, joined, renamed, RowDataset } from './rows.js'
export { FORMATS, openSource, type FormatName } from './sources/index.js'
export type {
  Row,
  Rows,
  Source,
  SourceFormat,
  SourceOptions,
  TextFile,
  Tokens,
  TokenSequence,
} from './sources/source.js'
export { storeRows, type PlacedRow } from './sources/store.js'
export { labelSpans } from './spans.js'
export { split, type SplitOptions } from './split.js'
export { survey, type Survey } from './survey.js'
export { chooseTask, TASKS, type TaskName } from './tasks/index.js'
export {
  TRAINED_PARTS,
  TRUNCATIONS,
  type Encode,
  type Task,
  type TaskContext,
  type TaskOptions,
} from './tasks/task.js'
export { openDataInThread, type ThreadedData, type ThreadOptions } from './thread/client.js'
export { openTokenizer, type TextTokenizer } from './tokenizer.js'
export { checkTokens, readTokens, TokenizedText, type TokenOptions } from './tokens.js'
export { TokenWindows } from './windows.js'
