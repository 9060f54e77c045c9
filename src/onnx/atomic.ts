/** Files that appear complete or not at all. */
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import { IOError } from '../errors.js'
import { guarded, writeFully } from '../files.js'

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
    const fd = guarded(target, 'write', () => fs.openSync(temporary, 'wx'))
    this.open.push({ target, temporary, fd })
    return (bytes) => guarded(target, 'write', () => writeFully(fd, bytes))
  }

  private commit(): void {
    for (const file of this.open) guarded(file.target, 'write', () => close(file))
    const placed: string[] = []
    try {
      for (const { target, temporary } of this.open) {
        const isNew = !fs.existsSync(target)
        guarded(target, 'write', () => fs.renameSync(temporary, target))
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
