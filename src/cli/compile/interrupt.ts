/** Ctrl-C while something half-written exists. */

const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const

/**
 * Runs `work`; a signal that arrives meanwhile runs `cleanUp` and ends the process, at the next point where `work` yields.
 */
export async function withCleanUp<T>(cleanUp: () => void, work: () => Promise<T>): Promise<T> {
  const handlers = Object.entries(SIGNALS).map(([signal, code]) => {
    const stop = (): void => {
      cleanUp()
      process.exit(code)
    }
    process.on(signal, stop)
    return [signal, stop] as const
  })
  try {
    return await work()
  } finally {
    for (const [signal, stop] of handlers) process.off(signal, stop)
  }
}

/** Lets signals in that arrived during synchronous work. */
export function yieldToSignals(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
