/** A progress bar on a terminal, plain lines in a pipe. */
import { SingleBar, type Options } from 'cli-progress'
import type { StepResult, TrainEvent } from '../../../runtime/index.js'
import { percent } from '../../format.js'
import { colorsFor } from '../console.js'
import { duration, Meter } from './meter.js'
import type { Reporter, StartInfo, Summary } from './reporter.js'

/** Plain in a pipe, whatever the environment says of a build server. */
const colors = colorsFor(process.stdout)

/** The words beside the bar need about this many columns. */
const BAR_TEXT = 78

/** A bar on stderr as wide as the terminal has room for. */
export function progressBar(): SingleBar {
  return new SingleBar(barOptions())
}

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

/** Lines on stdout, with a bar below them on a terminal. */
export class TextReporter implements Reporter {
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
    if (info.runtime !== undefined) this.line(info.runtime)
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
