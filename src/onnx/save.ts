/** Writing models to files, with large weights streamed into external data beside them. */
import path from 'node:path'
import fs from 'node:fs'
import { IOError, UsageError } from '../errors.js'
import type { Model } from '../ir.js'
import type { Tensor } from '../tensor.js'
import { elementSize } from '../types.js'
import { AtomicFiles } from './atomic.js'
import type { ModelExtra } from './reader.js'
import { ProtoTensor } from './tensor-data.js'
import { encodePlaced, initializersOf, type EncodeOptions } from './writer.js'

export interface SaveOptions extends EncodeOptions {
  /** By default `<model file>.data`, for models with more than 1 GiB of weights. */
  externalData?: ExternalDataOptions
}

export interface ExternalDataOptions {
  /** Name of the data file, beside the model. */
  file: string
  /** Models with more bytes of weights than this keep only weights of less than 1 KiB in the protobuf. */
  threshold: number
}

const DEFAULT_THRESHOLD = 2 ** 30
const SMALLEST_EXTERNAL = 1024

/** Alignment of a tensor in a data file: whole pages from 1 MiB on, so that a runtime can map it. */
function alignment(byteLength: number): number {
  return byteLength >= 2 ** 20 ? 4096 : 64
}

/**
 * Writes a model. The files appear complete or not at all.
 * @throws IOError `disk-full`, `no-permission`, `missing-directory`, `is-directory`, `write-failed`, `overwrites-source`
 */
export function saveModel(model: Model, file: string, options: SaveOptions = {}): void {
  saveModels([{ model, file }], options)
}

/** Writes several models into one directory; weights that they share (the same Tensor) are stored once. */
export function saveModels(
  entries: readonly { model: Model; file: string }[],
  options: SaveOptions = {},
): void {
  if (entries.length === 0) return
  const { file: location, threshold } = options.externalData ?? {
    file: `${path.basename(entries[0]!.file)}.data`,
    threshold: DEFAULT_THRESHOLD,
  }
  const directory = path.dirname(entries[0]!.file)
  const layout = new DataLayout()
  for (const { model, file } of entries) {
    if (path.dirname(file) !== directory)
      throw new UsageError('split-models', `${file} must lie in ${directory}, beside its data`)
    if (totalBytes(model) > threshold) layout.add(initializersOf(model).filter(isMovable))
  }
  const dataFile = path.join(directory, location)
  const targets = [...entries.map((e) => e.file), ...(layout.isEmpty ? [] : [dataFile])]
  protectSources(
    entries.map((e) => e.model),
    targets,
  )
  AtomicFiles.write((files) => {
    if (!layout.isEmpty) layout.write(files.create(dataFile))
    for (const { model, file } of entries) {
      const isExternal = totalBytes(model) > threshold
      const append = files.create(file)
      const pieces = encodePlaced(model, options, (t) => (isExternal ? layout.place(t, location) : undefined))
      for (const piece of pieces) append(piece)
    }
  })
}

function totalBytes(model: Model): number {
  return initializersOf(model).reduce((n, t) => n + t.byteLength, 0)
}

/** Whether a tensor is worth moving out, and has plain bytes to move. */
function isMovable(tensor: Tensor): boolean {
  if (tensor.dtype === 'string' || tensor.byteLength < SMALLEST_EXTERNAL) return false
  return (
    elementSize(tensor.dtype) > 0 ||
    (tensor instanceof ProtoTensor && (!!tensor.span || Object.hasOwn(tensor.proto, 'rawData')))
  )
}

/** Which tensor lies where in a data file. */
class DataLayout {
  private readonly offsets = new Map<Tensor, number>()
  private end = 0

  get isEmpty(): boolean {
    return this.offsets.size === 0
  }

  add(tensors: readonly Tensor[]): void {
    for (const tensor of tensors) {
      if (this.offsets.has(tensor)) continue
      const align = alignment(tensor.byteLength)
      const offset = Math.ceil(this.end / align) * align
      this.offsets.set(tensor, offset)
      this.end = offset + tensor.byteLength
    }
  }

  place(tensor: Tensor, location: string): { location: string; offset: number; length: number } | undefined {
    const offset = this.offsets.get(tensor)
    return offset === undefined ? undefined : { location, offset, length: tensor.byteLength }
  }

  /** One tensor at a time, so that no more than that is in memory. */
  write(append: (bytes: Uint8Array) => void): void {
    let at = 0
    for (const [tensor, offset] of this.offsets) {
      if (offset > at) append(new Uint8Array(offset - at))
      append(tensor.bytes())
      at = offset + tensor.byteLength
    }
  }
}

/** Refuses to write over a file that a model was read from: its weights may still be read from there. */
function protectSources(models: readonly Model[], targets: readonly string[]): void {
  const sources = new Set<string>()
  for (const model of models) {
    const { sourceFile } = (model.extra ?? {}) as ModelExtra
    if (sourceFile) sources.add(realpath(sourceFile))
    for (const tensor of initializersOf(model))
      if (tensor instanceof ProtoTensor && tensor.span) sources.add(tensor.span.file)
  }
  for (const target of targets) {
    if (sources.has(realpath(target))) {
      throw new IOError(
        'overwrites-source',
        `${target} is a file that the model was read from; write elsewhere`,
      )
    }
  }
}

function realpath(file: string): string {
  return fs.existsSync(file) ? fs.realpathSync(file) : path.resolve(file)
}
