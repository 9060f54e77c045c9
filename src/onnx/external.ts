/** External tensor data: resolving its path safely, and reading it when somebody needs it. */
import fs from 'node:fs'
import path from 'node:path'
import { IOError } from '../errors.js'
import type { TensorProto } from './messages.js'

/** Where the bytes of an external tensor lie. */
export interface ExternalSpan {
  /** Absolute path, symlinks resolved. */
  readonly file: string
  readonly offset: number
  readonly length: number
}

/** Finds external data beside a model, and refuses what lies elsewhere. */
export class ExternalFiles {
  private readonly sizes = new Map<string, { file: string; size: number }>()

  /**
   * @param directory the model's directory; undefined for a model that came without one
   * @param modelFile the model's path: where it is a symlink, data beside its target is accepted too
   */
  constructor(
    private readonly directory: string | undefined,
    private readonly modelFile?: string,
  ) {}

  /**
   * The checked location of a tensor's data.
   * @throws IOError `missing-external-data`, `external-data-path`, `external-data-short`
   */
  locate(proto: TensorProto, byteLength: number): ExternalSpan {
    const entries = new Map((proto.externalData ?? []).map((e) => [e.key ?? '', e.value ?? '']))
    const location = entries.get('location') ?? ''
    const { file, size } = this.open(location, proto.name ?? '')
    const offset = Number(entries.get('offset') || 0)
    const length = Number(entries.get('length') || byteLength || size - offset)
    const isPlace = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0
    if (!isPlace || offset + length > size) {
      throw new IOError(
        'external-data-short',
        `tensor "${proto.name}" lies at bytes ${offset} to ${offset + length} of "${location}", which has ${size}; ` +
          `the file is incomplete or belongs to another model: fetch it again`,
      )
    }
    return { file, offset, length }
  }

  private open(location: string, tensor: string): { file: string; size: number } {
    const old = this.sizes.get(location)
    if (old) return old
    const file = this.resolve(location, tensor)
    const found = { file, size: fs.statSync(file).size }
    this.sizes.set(location, found)
    return found
  }

  private resolve(location: string, tensor: string): string {
    if (this.directory === undefined) {
      const message = `tensor "${tensor}" has external data in "${location}", and the model came without a directory`
      throw new IOError(
        'missing-external-data',
        `${message}; pass \`directory\` to readModel, or use loadModel`,
      )
    }
    const outside = (why: string): IOError =>
      new IOError(
        'external-data-path',
        `tensor "${tensor}" has external data in "${location}", ${why}; data must lie in the model's directory`,
      )
    if (location === '' || path.isAbsolute(location) || path.win32.isAbsolute(location)) {
      throw outside(location === '' ? 'an empty path' : 'an absolute path')
    }
    if (location.split(/[\\/]/).includes('..')) throw outside('which leads out of it')
    const joined = path.join(this.directory, location)
    const file = realpath(joined, tensor, location)
    if (!this.roots().some((root) => file.startsWith(root))) throw outside('a link out of it')
    if (!fs.statSync(file).isFile()) throw outside('which is not a file')
    return file
  }

  private roots(): string[] {
    const directories = [fs.realpathSync(this.directory!)]
    if (this.modelFile) directories.push(path.dirname(fs.realpathSync(this.modelFile)))
    return directories.map((d) => (d.endsWith(path.sep) ? d : d + path.sep))
  }
}

function realpath(joined: string, tensor: string, location: string): string {
  try {
    return fs.realpathSync(joined)
  } catch (cause) {
    throw new IOError(
      'missing-external-data',
      `the data of tensor "${tensor}" should be in "${location}" beside the model, but ${joined} cannot be read; ` +
        `copy it there`,
      { cause },
    )
  }
}

/**
 * The bytes of a span, read now.
 * @throws IOError `missing-external-data`, `external-data-short`
 */
export function readSpan(span: ExternalSpan): Uint8Array {
  const bytes = Buffer.allocUnsafeSlow(span.length)
  let fd: number
  try {
    fd = fs.openSync(span.file, 'r')
  } catch (cause) {
    throw new IOError(
      'missing-external-data',
      `${span.file} was there when the model was read, and is not now`,
      { cause },
    )
  }
  try {
    readFully(fd, bytes, span)
  } finally {
    fs.closeSync(fd)
  }
  return bytes
}

/** One read call moves less than 2 GiB. */
const READ_LIMIT = 1 << 30

function readFully(fd: number, bytes: Uint8Array, span: ExternalSpan): void {
  for (let done = 0; done < bytes.length;) {
    const n = fs.readSync(fd, bytes, done, Math.min(bytes.length - done, READ_LIMIT), span.offset + done)
    if (n === 0) throw new IOError('external-data-short', `${span.file} became shorter while it was read`)
    done += n
  }
}
