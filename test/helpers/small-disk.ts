/** A small file system to fill, where this machine allows mounting one. */
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'

/** A mounted file system. */
export class SmallDisk {
  private constructor(readonly directory: string) {}

  /** Mounts one of so many KiB; where that is not permitted, `skip` is called with the reason. */
  static mount(directory: string, kib: number, skip: (reason: string) => never): SmallDisk {
    fs.mkdirSync(directory, { recursive: true })
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${kib}k`, 'tmpfs', directory], { stdio: 'pipe' })
    } catch (error) {
      const [reason] = (error as Error).message.split('\n')
      console.warn(`not tested on a full disk: a small tmpfs cannot be mounted here: ${reason}`)
      skip(`a small tmpfs cannot be mounted here: ${reason}`)
    }
    return new SmallDisk(directory)
  }

  /** Takes up the space that is there, but for so many KiB. */
  fill(left = 0): void {
    const fd = fs.openSync(this.ballast, 'w')
    try {
      for (;;) fs.writeSync(fd, new Uint8Array(4096))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
      fs.ftruncateSync(fd, Math.max(0, fs.fstatSync(fd).size - left * 1024))
    } finally {
      fs.closeSync(fd)
    }
  }

  /** Gives the space back that `fill` took. */
  free(): void {
    fs.rmSync(this.ballast, { force: true })
  }

  unmount(): void {
    execFileSync('umount', [this.directory])
  }

  private get ballast(): string {
    return path.join(this.directory, 'ballast')
  }
}
