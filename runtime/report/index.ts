/** Files that tell what happened in a training. A new kind is a file beside this and a line in the table. */
import fs from 'node:fs'
import { guarded } from '../../src/files.js'
import type { TrainEvent } from '../training/events.js'
import { csv } from './csv.js'
import { History, recordOf, type RunFacts } from './history.js'
import { jsonl, readMetrics } from './jsonl.js'
import type { OpenSink, Sink, SinkContext } from './sink.js'

/** Kinds of file by name. What draws or encodes is loaded when such a file is opened. */
export const SINKS = {
  jsonl,
  csv,
  tensorboard: async (context) => (await import('./tensorboard/sink.js')).tensorboard(context),
  html: async (context) => (await import('./html/sink.js')).html(context),
} satisfies Record<string, OpenSink>

/** Names of the kinds of file. */
export type SinkName = keyof typeof SINKS

/** Seconds between two times that files are written as a whole, at least. */
const FLUSH_SECONDS = 10

/** Hands the events of a training to its sinks, and keeps their history, an earlier run's included. */
export class Recorder {
  readonly history = new History()
  private readonly sinks: Sink[] = []
  private flushed = performance.now()

  private constructor(readonly facts: RunFacts) {}

  /** Opens the files in the context's directory, which is made where there is none. */
  static async open(context: SinkContext, names: readonly SinkName[]): Promise<Recorder> {
    const { directory, facts, done } = context
    const recorder = new Recorder(facts)
    guarded(directory, 'write', () => fs.mkdirSync(directory, { recursive: true }))
    for (const record of readMetrics(directory, done)) recorder.history.add(record)
    try {
      for (const name of names) recorder.sinks.push(await SINKS[name](context))
      return recorder
    } catch (error) {
      recorder.closeSinks()
      throw error
    }
  }

  event(event: TrainEvent): void {
    const record = recordOf(event)
    this.history.add(record)
    for (const sink of this.sinks) sink.event?.(record)
    const isDue = performance.now() - this.flushed > 1000 * FLUSH_SECONDS
    if (isDue && (event.type === 'evaluation' || event.type === 'checkpoint')) this.flush()
  }

  /** Brings all files up to date. */
  flush(): void {
    this.flushed = performance.now()
    for (const sink of this.sinks) sink.flush?.(this.history)
  }

  /** Files are closed even where they cannot be brought up to date. */
  close(): void {
    try {
      this.flush()
    } finally {
      this.closeSinks()
    }
  }

  private closeSinks(): void {
    for (const sink of this.sinks) sink.close?.()
  }
}

export { History, recordOf, type EventRecord, type RunFacts } from './history.js'
export { readMetrics } from './jsonl.js'
export type { OpenSink, Sink, SinkContext } from './sink.js'
