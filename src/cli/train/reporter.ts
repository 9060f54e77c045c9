/** What a training tells whoever shows it. */
import type { TrainEvent } from '../../../runtime/index.js'

/** Facts at the start of a training. */
export interface StartInfo {
  model: string
  sites: number
  parameters: number
  steps: number
  /** Steps done already, by an earlier run. */
  done: number
  data: string
  /** What runs it. */
  runtime?: string
  dropRate: number
}

/** Facts at its end. */
export interface Summary {
  step: number
  validationLoss: number | null
  seconds: number
  tokens: number
  dropRate: number
  backwardSkipped: number
  skippedSteps: number
  files: string[]
}

/** Receives what happens. */
export interface Reporter {
  start(info: StartInfo): void
  event(event: TrainEvent): void
  /** A remark to the person at the terminal. */
  note(text: string): void
  interrupted(step: number, resume: string): void
  done(summary: Summary): void
  /** Leaves the terminal as it was. */
  close(): void
}
