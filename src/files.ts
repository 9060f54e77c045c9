/** Durable writing: what is renamed into place is complete, and what was there before survives every failure. */
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { DropBPError, IOError } from './errors.js'

/** Size and hash of a file, as checkpoints record them. */
export interface FileDigest {
  size: number
  sha256: string
}

/** Where a file's bytes go; knows their hash when done. */
export class FileSink {
  private readonly hash = createHash('sha256')
  private size = 0

  constructor(private readonly fd: number) {}

  write(bytes: Uint8Array): void {
    writeFully(this.fd, bytes)
    this.hash.update(bytes)
    this.size += bytes.byteLength
  }

  digest(): FileDigest {
    return { size: this.size, sha256: this.hash.digest('hex') }
  }
}

/** Largest single write or read; the operating system refuses 2 GiB. */
const CHUNK = 1 << 26

/** Writes all bytes: a disk that fills up takes a part of them before it refuses the rest. */
export function writeFully(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.byteLength;)
    at += fs.writeSync(fd, bytes, at, Math.min(bytes.byteLength - at, CHUNK))
}

/** A file that records are appended to: one that cannot be written whole is not in it at all. */
export class AppendedFile {
  private constructor(
    private readonly file: string,
    private readonly fd: number,
    private size: number,
  ) {}

  /** @throws IOError `missing-directory`, `no-permission`, … */
  static open(file: string): AppendedFile {
    return guarded(file, 'write', () => {
      const fd = fs.openSync(file, 'a')
      return new AppendedFile(file, fd, fs.fstatSync(fd).size)
    })
  }

  /** @throws IOError `disk-full`, `write-failed` */
  append(record: Uint8Array): void {
    guarded(this.file, 'write', () => {
      try {
        writeFully(this.fd, record)
      } catch (error) {
        fs.ftruncateSync(this.fd, this.size)
        throw error
      }
    })
    this.size += record.byteLength
  }

  close(): void {
    fs.closeSync(this.fd)
  }
}

/** Writes a new file and waits until it is on the disk. */
export function writeDurably(file: string, write: (sink: FileSink) => void): FileDigest {
  return guarded(file, 'write', () => {
    const fd = fs.openSync(file, 'w', 0o644)
    try {
      const sink = new FileSink(fd)
      write(sink)
      fs.fsyncSync(fd)
      return sink.digest()
    } finally {
      fs.closeSync(fd)
    }
  })
}

/** Replaces `file` at once: readers see the old content or the new, never a part. */
export function replaceFile(file: string, write: (sink: FileSink) => void): FileDigest {
  const temporary = path.join(path.dirname(file), `.${path.basename(file)}.${process.pid}.tmp`)
  try {
    const digest = writeDurably(temporary, write)
    guarded(file, 'write', () => fs.renameSync(temporary, file))
    syncDirectory(path.dirname(file))
    return digest
  } catch (error) {
    fs.rmSync(temporary, { force: true })
    throw error
  }
}

/** Makes renames inside a directory durable; file systems that cannot sync a directory are left alone. */
export function syncDirectory(directory: string): void {
  let fd: number | undefined
  try {
    fd = fs.openSync(directory, 'r')
    fs.fsyncSync(fd)
  } catch (error) {
    if (!UNSYNCABLE.has((error as NodeJS.ErrnoException).code ?? '')) throw ioError(error, directory, 'sync')
  } finally {
    if (fd !== undefined) fs.closeSync(fd)
  }
}

const UNSYNCABLE = new Set(['EISDIR', 'EPERM', 'EINVAL', 'ENOTSUP', 'EACCES'])

/** Fills `target` from a position of an open file. */
export function readExactly(fd: number, target: Uint8Array, position: number, file: string): void {
  for (let at = 0; at < target.byteLength;) {
    const n = fs.readSync(fd, target, at, Math.min(target.byteLength - at, CHUNK), position + at)
    if (n === 0)
      throw new IOError(
        'truncated-file',
        `${file}: ended at byte ${position + at}, ${target.byteLength - at} bytes are missing`,
      )
    at += n
  }
}

/** Size and hash of a file on disk, in constant memory. */
export function digestFile(file: string): FileDigest {
  return guarded(file, 'read', () => {
    const fd = fs.openSync(file, 'r')
    try {
      const hash = createHash('sha256')
      const buffer = new Uint8Array(1 << 20)
      let size = 0
      for (let n = fs.readSync(fd, buffer); n > 0; n = fs.readSync(fd, buffer)) {
        hash.update(buffer.subarray(0, n))
        size += n
      }
      return { size, sha256: hash.digest('hex') }
    } finally {
      fs.closeSync(fd)
    }
  })
}

/** What a failed file operation is called, and what to do about it. */
const REASONS: Readonly<Record<string, readonly [code: string, what: string]>> = {
  ENOSPC: ['disk-full', 'no space left on the disk; free some or choose another place'],
  EDQUOT: ['disk-full', 'no space left in the disk quota; free some or choose another place'],
  EFBIG: ['disk-full', 'the file would be larger than this system allows'],
  EACCES: ['no-permission', 'this user is not permitted to'],
  EPERM: ['no-permission', 'this user is not permitted to'],
  EROFS: ['no-permission', 'the file system is read-only'],
  EISDIR: ['is-directory', 'it is a directory; name a file'],
}
/** What is missing is the file where it is read, and its directory where it is written. */
const MISSING: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR'])

/**
 * Runs file system calls, turning their errors into coded ones.
 * @throws IOError `missing-file`, `missing-directory`, `is-directory`, `no-permission`, `disk-full`, `read-failed`,
 *   `write-failed`
 */
export function guarded<T>(file: string, action: 'read' | 'write', work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw ioError(error, file, action)
  }
}

function ioError(error: unknown, file: string, action: string): unknown {
  const errno = (error as NodeJS.ErrnoException)?.code
  if (error instanceof DropBPError || errno === undefined) return error
  const options = { cause: error }
  if (MISSING.has(errno) && action === 'read')
    return new IOError('missing-file', `there is no file ${file}`, options)
  if (MISSING.has(errno))
    return new IOError('missing-directory', `cannot ${action} ${file}: its directory does not exist`, options)
  const other = [action === 'read' ? 'read-failed' : 'write-failed', (error as Error).message] as const
  const [code, what] = REASONS[errno] ?? other
  return new IOError(code, `cannot ${action} ${file}: ${what}`, options)
}
