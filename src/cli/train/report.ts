/** What `dropbp-train` shows: a progress bar on a terminal, plain lines in a pipe, JSON lines on request. */
import { SingleBar, type Options } from 'cli-progress'
import type { StepResult, TrainEvent } from '../../../runtime/index.js'
import { colorsFor } from '../console.js'

/** Plain in a pipe, whatever the environment says of a build server. */
const colors = colorsFor(process.stdout)

/** Facts at the start of a training. */
export interface StartInfo {
  model: string
  sites: number
  parameters: number
  steps: number
  /** Steps done already, by an earlier run. */
  done: number
  data: string
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

export interface ReporterOptions {
  json: boolean
  logEvery?: number
}

/** The reporter that fits where output goes. */
export function makeReporter({ json, logEvery }: ReporterOptions): Reporter {
  if (json) return new JsonReporter()
  const terminal = process.stdout.isTTY === true && process.stderr.isTTY === true
  return new TextReporter(terminal ? new SingleBar(barOptions()) : undefined, logEvery)
}

/** The words beside the bar need about this many columns. */
const BAR_TEXT = 78

function barOptions(): Options {
  const room = (process.stderr.columns ?? 80) - BAR_TEXT
  return {
    format:
      '{bar} {value}/{total}  loss {loss}  {speed} tokens/s  dropped {drop}  FLOPs saved {saved}  {left} left',
    barCompleteChar: '━',
    barIncompleteChar: '─',
    barsize: Math.max(4, Math.min(30, room)),
    fps: 5,
    stream: process.stderr,
    clearOnComplete: true,
    hideCursor: true,
    gracefulExit: false,
    linewrap: false,
  }
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

/** Running means for the display. */
class Meter {
  private loss: number | undefined
  private drop = 0
  private saved = 0
  private milliseconds = 0
  private tokens = 0
  private steps = 0

  add(step: StepResult): void {
    if (Number.isFinite(step.loss))
      this.loss = this.loss === undefined ? step.loss : 0.9 * this.loss + 0.1 * step.loss
    this.steps++
    this.drop += step.dropRate
    this.saved += step.backwardSkipped
    this.milliseconds += step.milliseconds
    this.tokens += step.tokens
  }

  show(stepsLeft: number): { loss: string; speed: string; drop: string; saved: string; left: string } {
    return {
      loss: this.loss?.toFixed(4) ?? '–',
      speed: Math.round((this.tokens / this.milliseconds) * 1000).toLocaleString('en'),
      drop: percent(this.drop / this.steps),
      saved: percent(this.saved / this.steps),
      left: duration((stepsLeft * this.milliseconds) / this.steps / 1000),
    }
  }
}

class TextReporter implements Reporter {
  private readonly meter = new Meter()
  private steps = 0
  private logEvery: number

  constructor(
    private readonly bar: SingleBar | undefined,
    logEvery: number | undefined,
  ) {
    this.logEvery = logEvery ?? 0
  }

  start(info: StartInfo): void {
    this.steps = info.steps
    this.logEvery ||= Math.max(1, Math.ceil(info.steps / 50))
    this.line(
      `${colors.bold(info.model)}: ${info.parameters.toLocaleString('en')} trainable weights, ${info.sites} branches, drop rate ${info.dropRate}`,
    )
    this.line(info.data)
    this.bar?.start(info.steps, info.done, { loss: '–', speed: '–', drop: '–', saved: '–', left: '–' })
  }

  event(event: TrainEvent): void {
    if (event.type === 'step') this.step(event)
    else if (event.type === 'evaluation') {
      const accuracy = event.accuracy === undefined ? '' : `, accuracy ${percent(event.accuracy)}`
      this.line(
        `step ${event.step}: validation loss ${colors.bold(event.loss.toFixed(4))}, perplexity ${event.perplexity.toFixed(2)}${accuracy}`,
      )
    } else if (event.type === 'rates') {
      this.line(`step ${event.step}: drop rates ${event.rates.map((r) => r.toFixed(2)).join(' ')}`)
    } else if (event.type === 'early-stop') {
      this.line(`step ${event.step}: stopped, the validation loss is best at step ${event.best}`)
    } else if (!this.bar) this.line(`step ${event.step}: saved ${event.directory}`)
  }

  note(text: string): void {
    this.line(colors.yellow(text))
  }

  interrupted(step: number, resume: string): void {
    this.close()
    this.line(`stopped after step ${step}; go on with: ${resume}`)
  }

  done(summary: Summary): void {
    this.close()
    const { step, seconds, tokens, dropRate, backwardSkipped, skippedSteps, validationLoss, files } = summary
    const loss = validationLoss === null ? '' : `, validation loss ${validationLoss.toFixed(4)}`
    const speed =
      tokens === 0
        ? ''
        : `; ${duration(seconds)}, ${Math.round(tokens / seconds).toLocaleString('en')} tokens/s`
    this.line(`${colors.green('done')}: step ${step}${loss}${speed}`)
    if (tokens > 0) {
      this.line(
        `dropped ${percent(dropRate)} of the branches' backward FLOPs, ${percent(backwardSkipped)} of all backward FLOPs`,
      )
    }
    if (skippedSteps > 0)
      this.line(colors.yellow(`${skippedSteps} steps were skipped: loss or gradient not finite`))
    for (const file of files) this.line(`wrote ${file}`)
  }

  close(): void {
    this.bar?.stop()
  }

  private step(step: StepResult): void {
    this.meter.add(step)
    const shown = this.meter.show(this.steps - step.step)
    if (step.skipped) this.note(`step ${step.step} skipped: ${step.skipped} not finite`)
    if (this.bar) this.bar.update(step.step, shown)
    else if (step.step % this.logEvery === 0 || step.step === this.steps) {
      this.line(
        `step ${step.step}/${this.steps}  loss ${shown.loss}  lr ${step.learningRate.toPrecision(3)}  ${shown.speed} tokens/s  ` +
          `dropped ${shown.drop}  backward FLOPs saved ${shown.saved}  ${shown.left} left`,
      )
    }
  }

  /** A line of its own, above the bar where there is one. */
  private line(text: string): void {
    if (this.bar?.isActive) process.stderr.write('\r\x1b[K')
    process.stdout.write(`${text}\n`)
  }
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)}%`
}

function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds))
  const parts = [Math.floor(s / 3600), Math.floor(s / 60) % 60, s % 60]
  return (parts[0]! > 0 ? parts : parts.slice(1))
    .map((n, i) => (i === 0 ? String(n) : String(n).padStart(2, '0')))
    .join(':')
}
