/**
 * Compiles a small GPT, fine-tunes it with every branch kept and with DropBP, and compares: `npm run demo`. With `--quick`
 * a few steps only, to see that everything works.
 */
import { fork } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import cliProgress from 'cli-progress'
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

/** Runs one fine-tuning in a child process, with a progress bar on a terminal. */
async function fineTune(directory: string, label: string, dropRate: number): Promise<RunResult> {
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
  const result: RunResult = {
    training: [],
    validation: [],
    milliseconds: [],
    backwardSkipped: [],
    peak: 0,
    model: output,
  }
  const format = `${label.padEnd(16)} {bar} {value}/{total}  loss {loss}  {eta_formatted} left`
  const bar = new cliProgress.SingleBar({ format, barsize: 28 }, cliProgress.Presets.shades_classic)
  bar.start(STEPS, 0, { loss: '' })
  const child = fork(path.join(import.meta.dirname, 'run.js'), [JSON.stringify(settings)])
  const exit = new Promise<void>((resolve, reject) => {
    child.on('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`the run "${label}" failed (exit code ${code})`)),
    )
  })
  child.on('message', (message: RunMessage) => {
    collect(result, message)
    if (message.type === 'step') bar.update(message.step, { loss: message.loss.toFixed(3) })
  })
  await exit.finally(() => bar.stop())
  return result
}

function collect(result: RunResult, message: RunMessage): void {
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
    relative = true,
  ): void => {
    const [a, b] = [of(kept), of(dropped)]
    table.push([
      name,
      show(a),
      show(b),
      relative ? `${b < a ? '−' : '+'}${Math.abs(100 * (b / a - 1)).toFixed(0)}%` : '',
    ])
  }
  const loss = (x: number): string => x.toFixed(4)
  row('validation loss before, nats per byte', (r) => r.validation[0]!.loss, loss, false)
  row('validation loss after', (r) => r.validation.at(-1)!.loss, loss, false)
  row(
    'time per step, median',
    (r) => median(r.milliseconds),
    (x) => `${x.toFixed(1)} ms`,
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
    false,
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

  const kept = await fineTune(directory, 'all kept', 0)
  const dropped = await fineTune(directory, `DropBP ${DROP_RATE}`, DROP_RATE)
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
