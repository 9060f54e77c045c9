/** From the data options to batches. */
import fs from 'node:fs'
import path from 'node:path'
import {
  openData,
  vocabulary,
  type Batch,
  type BatchSource,
  type CompiledModel,
  type OpenData,
} from '../../../runtime/index.js'
import { UsageError } from '../../errors.js'
import { replaceFile } from '../../files.js'
import type { ResolvedSettings } from './settings.js'

/** Training and validation data, and how many optimizer steps the settings ask for. */
export interface PreparedData {
  train: BatchSource
  validation: (() => Iterable<Batch>) | undefined
  steps: number
  /** In words. */
  description: string
}

/**
 * Opens, checks and splits the data; names of classes go to `labels.json` in `out`.
 * @throws what `openData` throws
 */
export async function prepareData(
  compiled: CompiledModel,
  settings: ResolvedSettings,
  out: string,
): Promise<PreparedData> {
  const { seq, padMultiple, padLength, columns, ...others } = settings
  const data = await openData(compiled.manifest, {
    ...others,
    columns: pairs(columns ?? []),
    maxLength: seq,
    tokenizer: settings.tokenizer ?? defaultTokenizer(compiled),
    pad: { multiple: padMultiple, length: padLength },
  })
  writeLabels(data, out)
  const perStep = data.train.batchSize * settings.accumulate
  return {
    train: data.train,
    validation: data.validation,
    // Rows of an epoch are asked for only where the length is in epochs: with packing, that takes packing a sample.
    steps: settings.steps ?? Math.max(1, Math.ceil((data.train.rowsPerEpoch() * settings.epochs) / perStep)),
    description: `${data.description}; ${perStep} rows a step`,
  }
}

/** `text=review` as { text: 'review' }. @throws UsageError `bad-value` */
function pairs(given: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    given.map((pair) => {
      const at = pair.indexOf('=')
      if (at > 0 && at < pair.length - 1) return [pair.slice(0, at), pair.slice(at + 1)]
      throw new UsageError('bad-value', `--columns ${pair}: expected name=column, text=review for example`)
    }),
  )
}

function writeLabels({ labels }: OpenData, out: string): void {
  if (!labels || labels.names.length === 0) return
  fs.mkdirSync(out, { recursive: true })
  const json = `${JSON.stringify(labels, null, 2)}\n`
  replaceFile(path.join(out, 'labels.json'), (sink) => sink.write(new TextEncoder().encode(json)))
}

/** A tokenizer.json in the compiled directory or beside it; bytes for a model of at most 256 tokens. */
function defaultTokenizer({ directory, manifest }: CompiledModel): string | undefined {
  const found = [directory, path.dirname(path.resolve(directory))]
    .map((place) => path.join(place, 'tokenizer.json'))
    .find((file) => fs.existsSync(file))
  return found ?? ((vocabulary(manifest) ?? Infinity) <= 256 ? 'bytes' : undefined)
}
