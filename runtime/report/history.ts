/** What happened in a training, as its report tells it. */
import type { EventOf, TrainEvent } from '../training/events.js'

/** A mask as text: 1 keeps a site, 0 drops it. */
export type MaskText = string

/** A step as it is kept. */
export type StepRecord = Omit<EventOf<'step'>, 'masks' | 'loss' | 'gradientNorm'> & {
  masks: MaskText[]
  /** Null where it was not finite. */
  loss: number | null
  gradientNorm: number | null
}

/** An event as it is kept, one line of `metrics.jsonl`. */
export type EventRecord = StepRecord | Exclude<TrainEvent, { type: 'step' }>

/** The record of one event type. */
export type RecordOf<T extends EventRecord['type']> = Extract<EventRecord, { type: T }>

/** An event as it is kept: short, and without what JSON lacks. */
export function recordOf(event: TrainEvent): EventRecord {
  if (event.type !== 'step') return event
  const { masks, loss, gradientNorm, ...rest } = event
  const finite = (x: number): number | null => (Number.isFinite(x) ? x : null)
  return {
    ...rest,
    loss: finite(loss),
    gradientNorm: finite(gradientNorm),
    masks: masks.map((mask) => mask.map((kept) => (kept ? '1' : '0')).join('')),
  }
}

/** Sums over the steps of a training. */
export interface Totals {
  readonly seconds: number
  readonly tokens: number
  /** Steps that changed nothing, their loss or gradient not being finite. */
  readonly skipped: number
  /** Most bytes of the process after a step. */
  readonly memory: number
  /** Mean share of the backward FLOPs that was not done. */
  readonly backwardSkipped: number
}

/** The events of a training by type, in order. */
export class History {
  readonly steps: StepRecord[] = []
  readonly evaluations: RecordOf<'evaluation'>[] = []
  readonly rates: RecordOf<'rates'>[] = []

  add(record: EventRecord): void {
    if (record.type === 'step') this.steps.push(record)
    else if (record.type === 'evaluation') this.evaluations.push(record)
    else if (record.type === 'rates') this.rates.push(record)
  }

  /** What the steps come to. */
  get totals(): Totals {
    const { steps } = this
    const sum = (value: (step: StepRecord) => number): number => steps.reduce((n, s) => n + value(s), 0)
    return {
      seconds: sum((s) => s.milliseconds) / 1000,
      tokens: sum((s) => s.tokens),
      skipped: sum((s) => Number(s.skipped !== null)),
      memory: steps.reduce((most, s) => Math.max(most, s.memory), 0),
      backwardSkipped: steps.length > 0 ? sum((s) => s.backwardSkipped) / steps.length : 0,
    }
  }

  /** The best evaluation. */
  get best(): RecordOf<'evaluation'> | undefined {
    return this.evaluations.reduce<RecordOf<'evaluation'> | undefined>(
      (best, e) => (best === undefined || e.loss < best.loss ? e : best),
      undefined,
    )
  }
}

/** Facts of a training that its events do not tell. */
export interface RunFacts {
  /** The model's name, as a heading. */
  readonly model: string
  /** Trainable weights, and all. */
  readonly trainable: number
  readonly parameters: number
  readonly sites: readonly { readonly name: string; readonly kind: string }[]
  readonly steps: number
  /** In words. */
  readonly data: string
  readonly optimizer: string
  /** What ran it, in words. */
  readonly runtime?: string
  readonly dropRate: number
  /** Options by flag, for the record. */
  readonly settings: Readonly<Record<string, unknown>>
}
