/** What `dropbp-train` shows: a progress bar on a terminal, plain lines in a pipe, JSON lines on request. */
import type { TrainEvent } from '../../../runtime/index.js'
import type { Reporter, StartInfo, Summary } from './reporter.js'
import { progressBar, TextReporter } from './text-report.js'

export interface ReporterOptions {
  json: boolean
  logEvery?: number
}

/** The reporter that fits where output goes. */
export function makeReporter({ json, logEvery }: ReporterOptions): Reporter {
  if (json) return new JsonReporter()
  const terminal = process.stdout.isTTY === true && process.stderr.isTTY === true
  return new TextReporter(terminal ? progressBar() : undefined, logEvery)
}

class JsonReporter implements Reporter {
  start(info: StartInfo): void {
    this.write({ type: 'start', ...info })
  }

  event(event: TrainEvent): void {
    this.write(event)
  }

  note(text: string): void {
    this.write({ type: 'note', text })
  }

  interrupted(step: number, resume: string): void {
    this.write({ type: 'interrupted', step, resume })
  }

  done(summary: Summary): void {
    this.write({ type: 'done', ...summary })
  }

  close(): void {}

  private write(object: object): void {
    process.stdout.write(`${JSON.stringify(object)}\n`)
  }
}
