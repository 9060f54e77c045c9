/** Messages that have come, and who waits for the next. */
export class Inbox<T> {
  private waiting: { resolve: (value: T) => void; reject: (error: unknown) => void }[] = []
  private ready: T[] = []
  private failure: { error: unknown } | undefined

  put(value: T): void {
    const first = this.waiting.shift()
    if (first) first.resolve(value)
    else this.ready.push(value)
  }

  /** Whoever waits, now or later, gets the error once what came before it is taken. */
  fail(error: unknown): void {
    this.failure = { error }
    for (const { reject } of this.waiting.splice(0)) reject(error)
  }

  /** Drops what has come. */
  clear(): void {
    this.ready = []
    this.failure = undefined
  }

  take(): Promise<T> {
    if (this.ready.length > 0) return Promise.resolve(this.ready.shift()!)
    if (this.failure) return Promise.reject(this.failure.error as Error)
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }))
  }
}
