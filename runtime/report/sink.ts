/** The contract of a sink: a file that tells what happened in a training. */
import type { EventRecord, History, RunFacts } from './history.js'

/** Told of every event; whatever it writes lies in the directory that it was opened in. */
export interface Sink {
  event?(record: EventRecord): void
  /** Brings files up to date that are written as a whole: at evaluations, checkpoints and the end. */
  flush?(history: History): void
  close?(): void
}

/** What sinks are opened with. */
export interface SinkContext {
  readonly directory: string
  readonly facts: RunFacts
  /** Steps that an earlier run has done; what it recorded of later ones is void. */
  readonly done: number
}

/** Opens a sink; one that needs a library of its own may load it first. */
export type OpenSink = (context: SinkContext) => Sink | Promise<Sink>
