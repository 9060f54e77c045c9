/** Files that appear complete or not at all. */
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import { IOError } from '../errors.js'

/** One call moves less than 2 GiB. */
const WRITE_LIMIT = 1 << 30

/** A set of files written beside their destinations and renamed together, in the order they were opened. */
export class AtomicFiles {
  private readonly open: { target: string; temporary: string; fd: number }[] = []

  /** Runs `write`; afterwards all its files are in place, or, where it threw, none is and nothing is left behind. */
  static write(write: (files: AtomicFiles) => void): void {
    const files = new AtomicFiles()
    try {
      write(files)
      files.commit()
    } catch (error) {
      files.abort()
      throw error
    }
  }

  /** Opens a file and returns what appends to it. */
  create(target: string): (bytes: Uint8Array) => void {
    if (fs.statSync(target, { throwIfNoEntry: false })?.isDirectory()) {
      throw new IOError('is-directory', `${target} is a directory; name a file`)
    }
    const temporary = `${target}.tmp-${process.pid}-${randomBytes(4).toString('hex')}`
    const fd = coded(target, () => fs.openSync(temporary, 'wx'))
    this.open.push({ target, temporary, fd })
    return (bytes) => coded(target, () => append(fd, bytes))
  }

  private commit(): void {
    for (const file of this.open) coded(file.target, () => close(file))
    const placed: string[] = []
    try {
      for (const { target, temporary } of this.open) {
        const isNew = !fs.existsSync(target)
        coded(target, () => fs.renameSync(temporary, target))
        if (isNew) placed.push(target)
      }
    } catch (error) {
      for (const target of placed) fs.rmSync(target, { force: true })
      throw error
    }
  }

  private abort(): void {
    for (const file of this.open) {
      try {
        close(file)
      } finally {
        fs.rmSync(file.temporary, { force: true })
      }
    }
  }
}

function close(file: { fd: number }): void {
  const { fd } = file
  file.fd = -1
  if (fd >= 0) fs.closeSync(fd)
}

function append(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) {
    done += fs.writeSync(fd, bytes, done, Math.min(bytes.length - done, WRITE_LIMIT))
  }
}

const REASONS: Readonly<Record<string, readonly [code: string, what: string]>> = {
  ENOSPC: ['disk-full', 'the disk is full; free space or write elsewhere'],
  EDQUOT: ['disk-full', 'the disk quota is used up; free space or write elsewhere'],
  EFBIG: ['disk-full', 'the file would be larger than this system allows'],
  EACCES: ['no-permission', 'this user may not write there'],
  EPERM: ['no-permission', 'this user may not write there'],
  EROFS: ['no-permission', 'the file system is read-only'],
  ENOENT: ['missing-directory', 'its directory does not exist; create it first'],
  ENOTDIR: ['missing-directory', 'a part of the path is not a directory'],
}

/** Runs a file operation; its failure becomes an IOError with a code. */
export function coded<T>(target: string, run: () => T): T {
  try {
    return run()
  } catch (cause) {
    const { code: errno, message } = cause as NodeJS.ErrnoException
    const [code, what] = REASONS[errno ?? ''] ?? ['write-failed', message]
    throw new IOError(code, `cannot write ${target}: ${what}`, { cause })
  }
}
