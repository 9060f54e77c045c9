/** Data: from files to batches. Re-exports only. */
export { checkBatch, countedLabels, countedTokens, type Batch, type Dims } from './batch.js'
export type { BatchSource, DataPosition } from './batch-source.js'
export { checkTokens, readTokens, type TokenOptions, type Tokens } from './tokens.js'
export {
  batchesOnce,
  fixedBatch,
  fixedLength,
  LanguageBatches,
  TokenWindows,
  vocabulary,
  type LanguageDataOptions,
} from './windows.js'
