/**
 * Compiles a small GPT, fine-tunes it with every branch kept and with DropBP, and compares: `npm run demo`. With `--quick`
 * a few steps only, to see that everything works.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import cliProgress, { type SingleBar } from 'cli-progress'
import Table from 'cli-table3'
import { compile } from '../../src/index.js'
import { median } from '../../bench/statistics.js'
import { generate } from './generate.js'
import { writePlot, type Curve, type Point } from './plot.js'
import type { RunMessage, RunSettings } from './run.js'

const ROOT = path.resolve(import.meta.dirname, '../../..')
const MODEL = path.join(ROOT, 'examples/demo/gpt-moby.onnx')
const TEXT = path.join(ROOT, 'examples/demo/devils-dictionary.txt')
const OUT = path.join(ROOT, 'demo-output')
const DROP_RATE = 0.5
const PROMPT = 'OCEAN, n.  '
const SAMPLE_BYTES = 180

const quick = process.argv.includes('--quick')
const STEPS = quick ? 6 : 240
const EVALUATE_EVERY = quick ? 6 : 40

/** Everything a run reported. */
interface RunResult {
  training: Point[]
  validation: Point[]
  milliseconds: number[]
  backwardSkipped: number[]
  peak: number
  model: string
}

/** A fine-tuning in a process of its own, which goes on when it is told to. */
class Run {
  readonly result: RunResult
  private readonly child: ChildProcess
  private readonly exited: Promise<void>
  private turn: { resolve: () => void; reject: (error: Error) => void } | undefined

  constructor(
    directory: string,
    label: string,
    dropRate: number,
    private readonly bar: SingleBar | undefined,
  ) {
    const output = path.join(OUT, `fine-tuned-${dropRate}.onnx`)
    const settings: RunSettings = {
      directory,
      text: TEXT,
      dropRate,
      steps: STEPS,
      evaluateEvery: EVALUATE_EVERY,
      output,
      source: MODEL,
    }
    this.result = {
      training: [],
      validation: [],
      milliseconds: [],
      backwardSkipped: [],
      peak: 0,
      model: output,
    }
    this.child = fork(path.join(import.meta.dirname, 'run.js'), [JSON.stringify(settings)])
    this.child.on('message', (message: RunMessage) => this.hear(message))
    this.exited = new Promise((resolve, reject) => {
      this.child.on('exit', (code) => {
        const failed = new Error(`the run "${label}" failed (exit code ${code})`)
        this.turn?.reject(failed)
        if (code === 0) resolve()
        else reject(failed)
      })
    })
    this.exited.catch(() => undefined)
  }

  /** Has it take its next turn: the evaluation before training first, then a step each, with the evaluation that is due. */
  async takeTurn(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.turn = { resolve, reject }
      this.child.send('go')
    })
    this.turn = undefined
  }

  /** Waits until its model is written. */
  end(): Promise<void> {
    return this.exited
  }

  stop(): void {
    this.child.kill()
  }

  private hear(message: RunMessage): void {
    if (message.type === 'turn') return this.turn?.resolve()
    collect(this.result, message)
    if (message.type === 'step') this.bar?.update(message.step, { loss: message.loss.toFixed(3) })
  }
}

/**
 * Fine-tunes with every branch kept and with DropBP, step by step in turn: whatever else this machine does meanwhile befalls
 * both alike.
 */
async function fineTuneBoth(directory: string): Promise<[kept: RunResult, dropped: RunResult]> {
  const format = `{label} {bar} {value}/{total}  loss {loss}  {eta_formatted} left`
  const options = { format, barsize: 28, stream: process.stderr }
  const bars = process.stderr.isTTY
    ? new cliProgress.MultiBar(options, cliProgress.Presets.shades_classic)
    : undefined
  const start = (label: string, dropRate: number): Run =>
    new Run(directory, label, dropRate, bars?.create(STEPS, 0, { label: label.padEnd(16), loss: '' }))
  const [kept, dropped] = [start('all kept', 0), start(`DropBP ${DROP_RATE}`, DROP_RATE)]
  try {
    for (let turn = 0; turn <= STEPS; turn++)
      for (const run of turn % 2 === 0 ? [kept, dropped] : [dropped, kept]) await run.takeTurn()
    await Promise.all([kept.end(), dropped.end()])
    return [kept.result, dropped.result]
  } finally {
    bars?.stop()
    for (const run of [kept, dropped]) run.stop()
  }
}

function collect(result: RunResult, message: Exclude<RunMessage, { type: 'turn' }>): void {
  if (message.type === 'end') result.peak = message.peak
  else if (message.type === 'validation') result.validation.push(message)
  else {
    result.training.push(message)
    result.milliseconds.push(message.milliseconds)
    result.backwardSkipped.push(message.backwardSkipped)
  }
}

function compareTable(kept: RunResult, dropped: RunResult): string {
  const table = new Table({
    head: ['', 'all kept', `DropBP ${DROP_RATE}`, 'change'],
    style: { head: [], border: [] },
    colAligns: ['left', 'right', 'right', 'right'],
  })
  const mean = (values: number[]): number => values.reduce((a, b) => a + b, 0) / values.length
  const row = (
    name: string,
    of: (r: RunResult) => number,
    show: (x: number) => string,
    change: number | null = of(dropped) / of(kept),
  ): void => {
    const shown =
      change === null ? '' : `${change < 1 ? '−' : '+'}${Math.abs(100 * (change - 1)).toFixed(0)}%`
    table.push([name, show(of(kept)), show(of(dropped)), shown])
  }
  const loss = (x: number): string => x.toFixed(4)
  row('validation loss before, nats per byte', (r) => r.validation[0]!.loss, loss, null)
  row('validation loss after', (r) => r.validation.at(-1)!.loss, loss, null)
  row(
    'time per step, median',
    (r) => median(r.milliseconds),
    (x) => `${x.toFixed(1)} ms`,
    // Of steps that ran one after the other, not of the medians.
    median(kept.milliseconds.map((ms, i) => dropped.milliseconds[i]! / ms)),
  )
  row(
    'training time',
    (r) => r.training.at(-1)!.seconds,
    (x) => `${x.toFixed(1)} s`,
  )
  row(
    'backward FLOPs skipped',
    (r) => mean(r.backwardSkipped),
    (x) => `${(100 * x).toFixed(1)}%`,
    null,
  )
  row(
    'peak memory above the loaded model',
    (r) => r.peak,
    (x) => `${(x / 1e6).toFixed(0)} MB`,
  )
  return table.toString()
}

const curve = (label: string, color: string, { training, validation }: RunResult): Curve => ({
  label,
  color,
  training,
  validation,
})

async function printSamples(models: readonly [string, string][]): Promise<void> {
  for (const [label, model] of models) {
    const text = await generate(model, PROMPT, SAMPLE_BYTES)
    console.log(`${label}\n${text.trimEnd().replace(/^/gm, '    ')}\n`)
  }
}

async function main(): Promise<void> {
  mkdirSync(OUT, { recursive: true })
  const directory = path.join(OUT, 'gpt-moby.dropbp')
  const start = performance.now()
  const compilation = compile(MODEL, { loss: { kind: 'causal-lm' } })
  compilation.write(directory, { force: true })
  const { sites, parameters } = compilation.manifest
  console.log(
    `compiled gpt-moby.onnx in ${((performance.now() - start) / 1e3).toFixed(1)} s: ${parameters.length} parameters, ${sites.length} residual branches\n`,
  )

  const [kept, dropped] = await fineTuneBoth(directory)
  console.log(compareTable(kept, dropped))

  const label = `DropBP, drop rate ${DROP_RATE}`
  const curves = [curve('every branch kept', '#475569', kept), curve(label, '#d9480f', dropped)]
  writePlot(path.join(OUT, 'loss'), 'Fine-tuning a small GPT on The Devil’s Dictionary', curves)
  console.log(`\nloss curves: demo-output/loss.svg, demo-output/loss.png\n`)
  await printSamples([
    ['before', MODEL],
    ['after, all kept', kept.model],
    [`after, DropBP ${DROP_RATE}`, dropped.model],
  ])
}

await main()
