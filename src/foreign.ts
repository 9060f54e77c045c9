/** koffi, which calls libraries written in C. It is optional: there are platforms that it has no binary for. */
import { createRequire } from 'node:module'

/** The module. */
export type Koffi = typeof import('koffi')

/** Stack of a call on another thread: what a thread has on Linux. koffi's own default, 128 KiB, is too little for a runtime. */
const STACK_BYTES = 8 * 2 ** 20
/** What the libraries' own threads get on the platform that gives them least. */
const LEAST_STACK_BYTES = 512 * 2 ** 10

/** koffi, or why it cannot be had. */
export function loadKoffi(): { koffi: Koffi; why?: undefined } | { koffi?: undefined; why: string } {
  let koffi: Koffi
  try {
    koffi = createRequire(import.meta.url)('koffi') as Koffi
  } catch (error) {
    const [reason] = (error as Error).message.split('\n')
    return { why: `the optional dependency koffi cannot be loaded: ${reason}` }
  }
  if (hasStack(koffi)) return { koffi }
  return { why: 'koffi was set up before with too small a stack for calls on other threads' }
}

/** Settings can be changed until koffi loads its first library; they are every user's in this thread. */
function hasStack(koffi: Koffi): boolean {
  if (koffi.config().async_stack_size! >= LEAST_STACK_BYTES) return true
  try {
    koffi.config({ async_stack_size: STACK_BYTES })
    return true
  } catch {
    return false
  }
}
