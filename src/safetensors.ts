/** Reads and writes safetensors files tensor by tensor: nothing is held twice. */
import fs from 'node:fs'
import { IOError } from './errors.js'
import { guarded, readExactly, type FileSink } from './files.js'
import { bytesOf, elementBytes, sizeOf, zeros, type HostTensor } from './host-tensor.js'
import { Tensor } from './tensor.js'

const DTYPES: Readonly<Record<string, string>> = {
  F64: 'float64',
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
  I64: 'int64',
  I32: 'int32',
  I16: 'int16',
  I8: 'int8',
  U64: 'uint64',
  U32: 'uint32',
  U16: 'uint16',
  U8: 'uint8',
  BOOL: 'bool',
}

const CODES = new Map(Object.entries(DTYPES).map(([code, dtype]) => [dtype, code]))

/** Headers beyond this are refused, as the reference implementation does. */
const HEADER_LIMIT = 100_000_000

interface Entry {
  readonly dtype: string
  readonly shape: number[]
  readonly start: number
}

/** An open safetensors file; close it when done. */
export class SafetensorsFile {
  private constructor(
    private readonly file: string,
    private readonly fd: number,
    private readonly entries: ReadonlyMap<string, Entry>,
    readonly metadata: Readonly<Record<string, string>>,
  ) {}

  /** @throws IOError `missing-file`, `not-safetensors` */
  static open(file: string): SafetensorsFile {
    return guarded(file, 'read', () => {
      const fd = fs.openSync(file, 'r')
      try {
        const { entries, metadata } = readHeader(fd, file)
        return new SafetensorsFile(file, fd, entries, metadata)
      } catch (error) {
        fs.closeSync(fd)
        throw error
      }
    })
  }

  get names(): string[] {
    return [...this.entries.keys()]
  }

  has(name: string): boolean {
    return this.entries.has(name)
  }

  /** Type, shape and first byte in the file, without reading the data. */
  describe(name: string): { dtype: string; shape: readonly number[]; start: number } {
    return this.entry(name)
  }

  read(name: string): HostTensor {
    const { dtype, shape, start } = this.entry(name)
    const tensor = zeros(dtype, shape)
    guarded(this.file, 'read', () => readExactly(this.fd, bytesOf(tensor), start, this.file))
    return tensor
  }

  close(): void {
    fs.closeSync(this.fd)
  }

  private entry(name: string): Entry {
    const entry = this.entries.get(name)
    if (!entry) throw new IOError('missing-tensor', `${this.file}: holds no tensor "${name}"`)
    return entry
  }
}

/** Reads all tensors of a file. */
export function readSafetensors(file: string): Map<string, HostTensor> {
  const open = SafetensorsFile.open(file)
  try {
    return new Map(open.names.map((name) => [name, open.read(name)]))
  } finally {
    open.close()
  }
}

/** Writes tensors in the given order; lazy data is loaded when it is its turn. The data begins at a multiple of 8 bytes, as the format wants. */
export function writeSafetensors(
  sink: FileSink,
  tensors: readonly (readonly [string, HostTensor | Tensor])[],
  metadata: Readonly<Record<string, string>> = {},
): void {
  const header: Record<string, unknown> = Object.keys(metadata).length > 0 ? { __metadata__: metadata } : {}
  let at = 0
  for (const [name, { dtype, shape }] of tensors) {
    const byteLength = sizeOf(shape) * elementBytes(dtype)
    header[name] = { dtype: CODES.get(dtype), shape, data_offsets: [at, at + byteLength] }
    at += byteLength
  }
  const json = new TextEncoder().encode(JSON.stringify(header))
  const prefix = new Uint8Array(8 + Math.ceil(json.byteLength / 8) * 8).fill(0x20)
  new DataView(prefix.buffer).setBigUint64(0, BigInt(prefix.byteLength - 8), true)
  prefix.set(json, 8)
  sink.write(prefix)
  for (const [, tensor] of tensors) sink.write(tensor instanceof Tensor ? tensor.bytes() : bytesOf(tensor))
}

function readHeader(
  fd: number,
  file: string,
): { entries: Map<string, Entry>; metadata: Record<string, string> } {
  const { size } = fs.fstatSync(fd)
  const length = new Uint8Array(8)
  if (size < 8) throw malformed(file, `it has ${size} bytes`)
  readExactly(fd, length, 0, file)
  const n = Number(new DataView(length.buffer).getBigUint64(0, true))
  if (n > HEADER_LIMIT || 8 + n > size)
    throw malformed(file, `its header length ${n} does not fit its ${size} bytes`)
  const json = new Uint8Array(n)
  readExactly(fd, json, 8, file)
  const { __metadata__: metadata = {}, ...tensors } = parseHeader(json, file)
  const entries = new Map<string, Entry>()
  for (const [name, raw] of Object.entries(tensors))
    entries.set(name, readEntry(name, raw, 8 + n, size, file))
  return { entries, metadata: metadata as Record<string, string> }
}

function parseHeader(json: Uint8Array, file: string): Record<string, unknown> {
  try {
    const header: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json))
    if (header !== null && typeof header === 'object') return header as Record<string, unknown>
  } catch {
    // Falls through to the coded error: the reason of the parser is of no use to anybody.
  }
  throw malformed(file, 'its header is not JSON')
}

function readEntry(name: string, raw: unknown, base: number, fileSize: number, file: string): Entry {
  const { dtype, shape, data_offsets: offsets } = (raw ?? {}) as Record<string, unknown>
  const known = typeof dtype === 'string' && Object.hasOwn(DTYPES, dtype) ? DTYPES[dtype]! : undefined
  if (!known)
    throw malformed(
      file,
      `tensor "${name}" has type ${String(dtype)}; known: ${Object.keys(DTYPES).join(', ')}`,
    )
  if (!isNumbers(shape) || !isNumbers(offsets) || offsets.length !== 2)
    throw malformed(file, `tensor "${name}" has no shape or offsets`)
  const [start, end] = offsets as [number, number]
  const bytes = sizeOf(shape) * elementBytes(known)
  if (end - start !== bytes)
    throw malformed(
      file,
      `tensor "${name}" ${dtype}[${shape}] needs ${bytes} bytes, its offsets span ${end - start}`,
    )
  if (base + end > fileSize)
    throw new IOError('truncated-file', `${file}: tensor "${name}" ends at byte ${base + end} of ${fileSize}`)
  return { dtype: known, shape, start: base + start }
}

function isNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((x) => Number.isSafeInteger(x) && x >= 0)
}

function malformed(file: string, why: string): IOError {
  return new IOError('not-safetensors', `${file}: not a safetensors file: ${why}`)
}
