/** Resident memory of this process, and its peak since the last reset. */
import { readFileSync, writeFileSync } from 'node:fs'

/** Bytes. `peak` counts from the start of the process where the system cannot reset it. */
export interface Memory {
  rss: number
  peak: number
}

export function memory(): Memory {
  try {
    const status = readFileSync('/proc/self/status', 'utf8')
    const field = (name: string): number =>
      Number(new RegExp(`^${name}:\\s*(\\d+) kB`, 'm').exec(status)![1]) * 1024
    return { rss: field('VmRSS'), peak: field('VmHWM') }
  } catch {
    return { rss: process.memoryUsage.rss(), peak: process.resourceUsage().maxRSS * 1024 }
  }
}

/** Starts a new peak, where the system can (Linux). */
export function resetPeak(): void {
  try {
    writeFileSync('/proc/self/clear_refs', '5')
  } catch {
    // The peak since the start of the process is all that is left to report.
  }
}
