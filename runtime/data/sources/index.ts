/** THE list of file formats. A new one is a file here and a line in the table. */
import fs from 'node:fs'
import path from 'node:path'
import { IOError } from '../../../src/errors.js'
import { guarded } from '../../../src/files.js'
import { bin } from './bin.js'
import { csv, tsv } from './csv.js'
import { json } from './json.js'
import { jsonl } from './jsonl.js'
import { npy, openDirectory } from './npy.js'
import { parquet } from './parquet.js'
import { safetensors } from './safetensors.js'
import type { Source, SourceFormat, SourceOptions } from './source.js'
import { lines, text } from './text.js'

/** File formats by the name that `--format` takes. */
export const FORMATS = {
  jsonl,
  json,
  csv,
  tsv,
  parquet,
  text,
  lines,
  npy,
  safetensors,
  bin,
} as const satisfies Record<string, SourceFormat>

/** Name of a file format. */
export type FormatName = keyof typeof FORMATS

const PACKED = /\.(gz|zst|bz2|xz|zip)$/

/**
 * Opens a data file in the given format, or in the one that its name ends with; a name with any other ending is UTF-8 text.
 * A directory is one of `.npy` files.
 * @throws IOError `missing-file`, `not-utf8`, `bad-row`, `compressed-file` and those of the formats
 */
export async function openSource(
  file: string,
  format?: FormatName,
  options: SourceOptions = {},
): Promise<Source> {
  if (guarded(file, 'read', () => fs.statSync(file)).isDirectory()) return openDirectory(file)
  const name = file.toLowerCase()
  if (PACKED.test(name))
    throw new IOError('compressed-file', `${file} is compressed: unpack it first, Parquet may stay as it is`)
  const byName = Object.values<SourceFormat>(FORMATS).find((f) => f.extensions.includes(path.extname(name)))
  return (format ? FORMATS[format] : (byName ?? text)).open(file, options)
}
