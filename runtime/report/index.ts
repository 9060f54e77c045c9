/** Files that tell what happened in a training. A new kind is a file beside this and a line in the table. */
import fs from 'node:fs'
import { guarded } from '../../src/files.js'
import type { TrainEvent } from '../training/events.js'
import { csv } from './csv.js'
import { History, recordOf, type RunFacts } from './history.js'
import { html } from './html/sink.js'
import { jsonl, readMetrics } from './jsonl.js'
import type { OpenSink, Sink, SinkContext } from './sink.js'
import { tensorboard } from './tensorboard/sink.js'

export const SINKS = { jsonl, csv, tensorboard, html } satisfies Record<string, OpenSink>

/** Names of the kinds of file. */
export type SinkName = keyof typeof SINKS

/** Seconds between two times that files are written as a whole, at least. */
const FLUSH_SECONDS = 10

/** Hands the events of a training to its sinks, and keeps their history, an earlier run's included. */
export class Recorder {
  readonly history = new History()
  readonly facts: RunFacts
  private readonly sinks: Sink[]
  private flushed = performance.now()

  constructor(context: SinkContext, names: readonly SinkName[]) {
    this.facts = context.facts
    guarded(context.directory, 'write', () => fs.mkdirSync(context.directory, { recursive: true }))
    for (const record of readMetrics(context.directory, context.done)) this.history.add(record)
    this.sinks = names.map((name) => SINKS[name](context))
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

  close(): void {
    this.flush()
    for (const sink of this.sinks) sink.close?.()
  }
}

export { History, recordOf, type EventRecord, type RunFacts } from './history.js'
export { readMetrics } from './jsonl.js'
export type { OpenSink, Sink, SinkContext } from './sink.js'
