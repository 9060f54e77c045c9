/** Batches made ahead of their use. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { UsageError } from '../../src/errors.js'
import type { Batch } from './batch.js'
import type { BatchSource, DataPosition } from './batch-source.js'

/**
 * A source whose next `ahead` batches are made while earlier ones are trained on. The batches are the same, and `position`
 * is that of the batches that were taken, so that a checkpoint resumes exactly. It saves the time that the source waits (for
 * a file, a network, a thread); for one that computes in the calling thread, `openDataInThread` serves better.
 * @throws UsageError `bad-value`
 */
export function prefetch(source: BatchSource, ahead = 2): BatchSource {
  if (!(Number.isInteger(ahead) && ahead >= 1))
    throw new UsageError('bad-value', `prefetch ${ahead}: expected a whole number from 1`)
  return new Prefetched(source, ahead)
}

/** A batch and where the source stood after it, or why there is none. */
type Made = { batch: Batch; position: DataPosition } | { error: unknown }

class Prefetched implements BatchSource {
  private ready: Made[] = []
  private taken: DataPosition
  /** The batch in the making; one at a time, since the source's position has to be the one after it. */
  private making: Promise<void> | undefined
  private filling = false
  private turn: Promise<unknown> = Promise.resolve()
  /** Counts calls of `seek`: what was begun before one is not wanted after it. */
  private era = 0
  /** Where the source is to go once it is at rest. */
  private sought: DataPosition | undefined

  constructor(
    private readonly source: BatchSource,
    private readonly ahead: number,
  ) {
    this.taken = source.position()
  }

  next(): Promise<Batch> {
    const mine = this.turn.then(() => this.take())
    this.turn = mine.catch(() => undefined)
    return mine
  }

  position(): DataPosition {
    return this.taken
  }

  /** While the source is at work, it is `next` that tells of a position which the source refuses. */
  seek(position: DataPosition): void {
    this.sought = position
    if (!this.making) this.follow()
    this.era++
    this.ready = []
    this.taken = position
  }

  private follow(): void {
    const position = this.sought
    this.sought = undefined
    if (position) this.source.seek(position)
  }

  private async take(): Promise<Batch> {
    while (this.ready.length === 0) await this.make()
    const made = this.ready.shift()!
    void this.fill()
    if ('error' in made) throw made.error
    this.taken = made.position
    return made.batch
  }

  /** Makes batches up to `ahead`, in turns of the event loop that nobody needs; an error waits to be taken first. */
  private async fill(): Promise<void> {
    if (this.filling) return
    this.filling = true
    const isOpen = (): boolean =>
      this.ready.length < this.ahead && !this.ready.some((made) => 'error' in made)
    while (isOpen()) {
      await nextTurn()
      if (isOpen()) await this.make()
    }
    this.filling = false
  }

  private make(): Promise<void> {
    this.making ??= this.makeOne().finally(() => (this.making = undefined))
    return this.making
  }

  private async makeOne(): Promise<void> {
    const { era } = this
    let made: Made
    try {
      this.follow()
      const batch = await this.source.next()
      made = { batch, position: this.source.position() }
    } catch (error) {
      made = { error }
    }
    if (era === this.era) this.ready.push(made)
  }
}
