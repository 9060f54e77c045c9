/** One training, from the command to its results. */
import fs from 'node:fs'
import path from 'node:path'
import {
  latestCheckpoint,
  listCheckpoints,
  locateSource,
  openCompiled,
  readCheckpoint,
  Trainer,
  type CompiledModel,
} from '../../../runtime/index.js'
import { IOError } from '../../errors.js'
import { prepareData, type PreparedData } from './data.js'
import type { TrainCommand } from './flags.js'
import { makeReporter, type Reporter } from './report.js'
import { openTrainer } from './trainer.js'
import { resolveSettings, storedSettings, type GivenSettings, type TrainSettings } from './settings.js'

/** Exit codes of a training that a signal ended: 128 + its number, as shells expect. */
const INTERRUPTED = { SIGINT: 130, SIGTERM: 143 } as const

const SIGNALS = Object.keys(INTERRUPTED) as (keyof typeof INTERRUPTED)[]

/** Trains and returns the exit code. */
export async function train({ model, settings: given }: TrainCommand): Promise<number> {
  const reporter = makeReporter({ json: given.json ?? false, logEvery: given.logEvery })
  try {
    const directory = await compiledDirectory(model, reporter)
    const compiled = openCompiled(directory)
    const source = (given.export ?? true) ? locateSource(compiled, given.source) : undefined
    const out = given.out ?? defaultOut(directory)
    const checkpoints = path.join(out, 'checkpoint')
    const from = startingPoint(given, checkpoints, reporter)
    const settings = resolveSettings(
      given,
      from === null ? null : (readCheckpoint(from).state.settings as GivenSettings),
    )
    const data = await prepareData(compiled, settings, out)
    settings.steps = data.steps
    const trainer = await openTrainer(directory, settings)
    try {
      const places = { model, out, checkpoints, source, from }
      return await new Run(compiled, settings, data, trainer, reporter, places).execute()
    } finally {
      await trainer.release()
    }
  } finally {
    reporter.close()
  }
}

/** The directory to train; an .onnx model is compiled beside itself first, unless it was already. */
async function compiledDirectory(model: string, reporter: Reporter): Promise<string> {
  if (!model.endsWith('.onnx')) return model
  const directory = `${model.slice(0, -'.onnx'.length)}.dropbp`
  const { compileInto } = await import('./compile.js')
  reporter.note(compileInto(model, directory))
  return directory
}

/** Beside the compiled directory, which `dropbp-compile --force` replaces as a whole. */
function defaultOut(directory: string): string {
  return `${path
    .normalize(directory)
    .replace(/[\\/]+$/, '')
    .replace(/\.dropbp$/, '')}.trained`
}

/** The checkpoint to go on from; without --resume, earlier ones are not mixed with a new training. */
function startingPoint(
  { resume, force }: GivenSettings,
  checkpoints: string,
  reporter: Reporter,
): string | null {
  if (resume) return resume
  if (resume === '') {
    const { directory, damaged } = latestCheckpoint(checkpoints)
    for (const message of damaged) reporter.note(message)
    return directory
  }
  const earlier = listCheckpoints(checkpoints)
  if (earlier.length === 0) return null
  if (!force) {
    throw new IOError(
      'output-exists',
      `${checkpoints} holds a training up to step ${earlier[0]!.step}: go on with --resume, start anew with --force, or choose another --out`,
    )
  }
  fs.rmSync(checkpoints, { recursive: true, force: true })
  return null
}

interface Places {
  /** The compiled directory or model, as named on the command line. */
  model: string
  out: string
  checkpoints: string
  source: string | undefined
  from: string | null
}

class Run {
  private readonly stop = new AbortController()
  private interruptedBy: keyof typeof INTERRUPTED = 'SIGINT'
  private readonly started = performance.now()
  private validationLoss: number | null = null
  private readonly sums = { steps: 0, tokens: 0, dropRate: 0, backwardSkipped: 0 }

  constructor(
    private readonly compiled: CompiledModel,
    private readonly settings: TrainSettings,
    private readonly data: PreparedData,
    private readonly trainer: Trainer,
    private readonly reporter: Reporter,
    private readonly places: Places,
  ) {}

  async execute(): Promise<number> {
    if (this.places.from) {
      const position = this.trainer.resume(this.places.from)
      if (position) this.data.train.seek(position)
    }
    this.reporter.start({
      model: this.places.model,
      sites: this.compiled.manifest.sites.length,
      parameters: this.trainer.state.parameters.reduce((n, p) => n + p.shape.reduce((a, b) => a * b, 1), 0),
      steps: this.data.steps,
      done: this.trainer.step,
      data: this.data.description,
      dropRate: this.settings.dropRate,
    })
    for (const signal of SIGNALS) process.on(signal, this.onInterrupt)
    try {
      await this.loop()
    } finally {
      for (const signal of SIGNALS) process.off(signal, this.onInterrupt)
    }
    if (this.trainer.step < this.data.steps) {
      this.reporter.interrupted(this.trainer.step, this.resumeCommand())
      return INTERRUPTED[this.interruptedBy]
    }
    this.finish()
    return 0
  }

  private async loop(): Promise<void> {
    const often = Math.max(1, Math.ceil(this.data.steps / 10))
    const { evaluateEvery = often, saveEvery = often, accumulate, keep } = this.settings
    const events = this.trainer.fit({
      data: this.data.train,
      accumulate,
      validation: this.data.validation,
      evaluateEvery,
      checkpoints: this.places.checkpoints,
      saveEvery,
      keep,
      settings: storedSettings(this.settings),
      signal: this.stop.signal,
    })
    for await (const event of events) {
      if (event.type === 'step') this.count(event)
      if (event.type === 'evaluation') this.validationLoss = event.loss
      this.reporter.event(event)
    }
  }

  private count(step: { tokens: number; dropRate: number; backwardSkipped: number }): void {
    this.sums.steps++
    this.sums.tokens += step.tokens
    this.sums.dropRate += step.dropRate
    this.sums.backwardSkipped += step.backwardSkipped
  }

  /** The first signal ends the training after the running step; the second ends the process. */
  private readonly onInterrupt = (signal: keyof typeof INTERRUPTED): void => {
    if (this.stop.signal.aborted) process.exit(INTERRUPTED[signal])
    this.interruptedBy = signal
    this.reporter.note('finishing the step and saving; press Ctrl-C again to stop at once')
    this.stop.abort()
  }

  private finish(): void {
    const files: string[] = []
    if (this.places.source !== undefined) {
      const model = path.join(this.places.out, 'model.onnx')
      const weights = path.join(this.places.out, 'model.safetensors')
      this.trainer.exportModel(model, this.places.source)
      this.trainer.exportParameters(weights, this.places.source)
      files.push(model, weights)
    }
    const { steps, tokens, dropRate, backwardSkipped } = this.sums
    this.reporter.done({
      step: this.trainer.step,
      validationLoss: this.validationLoss,
      seconds: (performance.now() - this.started) / 1000,
      tokens,
      dropRate: steps > 0 ? dropRate / steps : 0,
      backwardSkipped: steps > 0 ? backwardSkipped / steps : 0,
      skippedSteps: this.trainer.skipped,
      files,
    })
  }

  private resumeCommand(): string {
    const { out, source } = this.settings
    const flags = Object.entries({ out, source }).flatMap(([flag, value]) =>
      value === undefined ? [] : [` --${flag} ${value}`],
    )
    return `dropbp-train ${this.places.model} --resume${flags.join('')}`
  }
}
