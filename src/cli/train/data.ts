/** From the data options to batches. */
import fs from 'node:fs'
import path from 'node:path'
import {
  openDataInThread,
  vocabulary,
  type CompiledModel,
  type DataPosition,
  type ThreadedData,
} from '../../../runtime/index.js'
import { UsageError } from '../../errors.js'
import { replaceFile } from '../../files.js'
import type { ResolvedSettings } from './settings.js'

/** Training and validation data, and how many optimizer steps the settings ask for. */
export interface PreparedData extends Pick<ThreadedData, 'train' | 'validation' | 'close'> {
  steps: number
  /** In words. */
  description: string
}

/**
 * Opens, checks and splits the data, and takes it to where a checkpoint left it; names of classes go to `labels.json` in
 * `out`.
 * @throws what `openData` throws
 */
export async function prepareData(
  compiled: CompiledModel,
  settings: ResolvedSettings,
  out: string,
  position: DataPosition | null = null,
): Promise<PreparedData> {
  const { seq, padMultiple, padLength, columns, ...others } = settings
  const options = {
    ...others,
    columns: pairs(columns ?? []),
    maxLength: seq,
    tokenizer: settings.tokenizer ?? defaultTokenizer(compiled),
    pad: { multiple: padMultiple, length: padLength },
  }
  const data = await openDataInThread(compiled.manifest, options, { position })
  try {
    writeLabels(data, out)
    const perStep = data.batchSize * settings.accumulate
    const { train, validation } = data
    return {
      ...{ train, validation },
      steps: settings.steps ?? (await stepsOf(data, settings.epochs, perStep)),
      description: `${data.description}; ${perStep} rows a step`,
      close: () => data.close(),
    }
  } catch (error) {
    await data.close()
    throw error
  }
}

/** Rows are counted only where the length is given in epochs: with packing, that takes packing a sample. */
async function stepsOf(data: ThreadedData, epochs: number, perStep: number): Promise<number> {
  return Math.max(1, Math.ceil(((await data.rowsPerEpoch()) * epochs) / perStep))
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

function writeLabels({ labels }: ThreadedData, out: string): void {
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
