/** From the data flags to batches. */
import fs from 'node:fs'
import path from 'node:path'
import {
  batchesOnce,
  checkTokens,
  fixedBatch,
  fixedLength,
  LanguageBatches,
  readTokens,
  TokenWindows,
  vocabulary,
  type Batch,
  type CompiledModel,
  type Manifest,
  type Tokens,
} from '../../../runtime/index.js'
import { UsageError } from '../../errors.js'
import type { ResolvedSettings } from './settings.js'

/** Training and validation data, and how many optimizer steps the settings ask for. */
export interface PreparedData {
  train: LanguageBatches
  validation: (() => Iterable<Batch>) | undefined
  steps: number
  /** In words. */
  description: string
}

const DEFAULT_SEQ = 256
const DEFAULT_BATCH = 4

/** Reads, checks, cuts and splits the data. */
export function prepareData(compiled: CompiledModel, settings: ResolvedSettings): PreparedData {
  const { manifest } = compiled
  const seq =
    settings.seq ?? fixedLength(manifest) ?? Math.min(DEFAULT_SEQ, positionLimit(manifest) ?? DEFAULT_SEQ)
  const batch = settings.batch ?? fixedBatch(manifest) ?? DEFAULT_BATCH
  checkSeq(manifest, seq)
  const windows = new TokenWindows(load(compiled, settings, settings.data), seq)
  const separate =
    settings.validationData === undefined
      ? undefined
      : new TokenWindows(load(compiled, settings, settings.validationData), seq)
  const { train, validation } = windows.split(separate ? 0 : settings.validation)
  const held = separate ?? validation
  const { epochs, accumulate, seed } = settings
  return {
    train: new LanguageBatches(manifest, train, { batch, seed }),
    validation: held.count > 0 ? () => batchesOnce(manifest, held, batch) : undefined,
    steps: settings.steps ?? Math.max(1, Math.ceil((train.count * epochs) / (batch * accumulate))),
    description: `${train.count} windows of ${seq} tokens to train on, ${held.count} to validate on; ${batch * accumulate} windows a step`,
  }
}

function load(compiled: CompiledModel, settings: ResolvedSettings, file: string): Tokens {
  const { binType } = settings
  const tokens = readTokens(file, { binType, tokenizer: settings.tokenizer ?? defaultTokenizer(compiled) })
  checkTokens(tokens, vocabulary(compiled.manifest), file)
  return tokens
}

/** A tokenizer.json in the compiled directory or beside it; bytes for a model of at most 256 tokens. */
function defaultTokenizer({ directory, manifest }: CompiledModel): string | undefined {
  const found = [directory, path.dirname(path.resolve(directory))]
    .map((place) => path.join(place, 'tokenizer.json'))
    .find((file) => fs.existsSync(file))
  return found ?? ((vocabulary(manifest) ?? Infinity) <= 256 ? 'bytes' : undefined)
}

function positionLimit({ inputs }: Manifest): number | undefined {
  return inputs.find((spec) => spec.name === 'position_ids')?.limit
}

function checkSeq(manifest: Manifest, seq: number): void {
  const fixed = fixedLength(manifest)
  if (fixed !== undefined && seq !== fixed)
    throw new UsageError('bad-value', `--seq ${seq}: the model's sequences have exactly ${fixed} tokens`)
  const limit = positionLimit(manifest)
  if (limit !== undefined && seq > limit)
    throw new UsageError('bad-value', `--seq ${seq}: the model has ${limit} positions`)
}
