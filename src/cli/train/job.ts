/** One training, from the command to its results. Where it runs, and who hears of it, is the caller's affair. */
import path from 'node:path'
import {
  describeBackend,
  DropBPError,
  listCheckpoints,
  locateSource,
  openCompiled,
  readCheckpoint,
  Recorder,
  type CompiledModel,
  type Trainer,
  type TrainEvent,
} from '../../../runtime/index.js'
import { sizeOf } from '../../host-tensor.js'
import { writeConfig } from './config-file.js'
import { prepareData, type PreparedData } from './data.js'
import type { TrainCommand } from './flags.js'
import { factsOf, sinkNames } from './facts.js'
import { compiledDirectory, defaultOut, startingPoint, type Places } from './places.js'
import type { Reporter } from './reporter.js'
import { writeResults } from './results.js'
import { resolveSettings, storedSettings, type GivenSettings, type TrainSettings } from './settings.js'
import { openTrainer } from './trainer.js'

/** What a job is given beside its command. */
export interface JobContext {
  readonly reporter: Reporter
  /** Set from outside to end the training after the running step. */
  readonly signal: { readonly aborted: boolean }
}

/** How a job ended. */
export type Outcome = 'done' | 'interrupted'

/** Trains. */
export async function runJob(
  { model, settings: given }: TrainCommand,
  context: JobContext,
): Promise<Outcome> {
  const note = (text: string): void => context.reporter.note(text)
  const directory = await compiledDirectory(model, note)
  const compiled = openCompiled(directory)
  const source = (given.export ?? true) ? locateSource(compiled, given.source) : undefined
  const out = given.out ?? defaultOut(directory)
  const checkpoints = path.join(out, 'checkpoint')
  const from = startingPoint(given, checkpoints, note)
  const stored = from === null ? null : readCheckpoint(from).state
  const settings = resolveSettings(given, stored && (stored.settings as GivenSettings))
  sinkNames(settings.record)
  const data = await prepareData(compiled, settings, out, stored && stored.data)
  try {
    settings.steps = data.steps
    const trainer = await openTrainer(compiled, settings)
    try {
      const places = { model, directory, out, checkpoints, source, from }
      return await new Job(compiled, settings, data, trainer, context, places).execute()
    } finally {
      await trainer.release()
    }
  } finally {
    await data.close()
  }
}

class Job {
  private readonly started = performance.now()
  private recorder: Recorder | undefined
  private validationLoss: number | null = null
  private stoppedEarly = false
  /** What went wrong first, where that ends the training. */
  private failure: { error: unknown } | undefined
  private readonly sums = { steps: 0, tokens: 0, dropRate: 0, backwardSkipped: 0 }

  constructor(
    private readonly compiled: CompiledModel,
    private readonly settings: TrainSettings,
    private readonly data: PreparedData,
    private readonly trainer: Trainer,
    private readonly context: JobContext,
    private readonly places: Places,
  ) {}

  async execute(): Promise<Outcome> {
    const { trainer, places, data, settings } = this
    if (places.from) trainer.resume(places.from)
    await writeConfig(path.join(places.out, 'config.yaml'), places.model, settings)
    this.context.reporter.start({
      model: places.model,
      sites: this.compiled.manifest.sites.length,
      parameters: trainer.state.parameters.reduce((n, p) => n + sizeOf(p.shape), 0),
      steps: data.steps,
      done: trainer.step,
      data: data.description,
      runtime: this.runtime,
      dropRate: settings.dropRate,
    })
    this.recorder = await this.openRecorder()
    try {
      await this.train(this.recorder)
      if (trainer.step < data.steps && !this.stoppedEarly) {
        this.context.reporter.interrupted(trainer.step, this.resumeCommand())
        return 'interrupted'
      }
      this.finish()
      return 'done'
    } catch (error) {
      throw this.withWayOn(error)
    }
  }

  /** The loop and its records; whatever fails after the first failure is a consequence and is not told. */
  private async train(recorder: Recorder): Promise<void> {
    const keep = (error: unknown): void => void (this.failure ??= { error })
    await this.loop().catch(keep)
    try {
      recorder.close()
    } catch (error) {
      keep(error)
    }
    if (this.failure) throw this.failure.error
  }

  private async loop(): Promise<void> {
    const often = Math.max(1, Math.ceil(this.data.steps / 10))
    const { evaluateEvery = often, saveEvery = often, accumulate, keep, keepBest, patience } = this.settings
    const { context } = this
    const hasFailed = (): boolean => this.failure !== undefined
    const signal = {
      get aborted(): boolean {
        return context.signal.aborted || hasFailed()
      },
    }
    const events = this.trainer.fit({
      data: this.data.train,
      accumulate,
      validation: this.data.validation,
      evaluateEvery,
      patience,
      checkpoints: this.places.checkpoints,
      saveEvery,
      keep,
      keepBest,
      settings: storedSettings(this.settings),
      signal,
    })
    for await (const event of events) this.hear(event)
  }

  private hear(event: TrainEvent): void {
    if (event.type === 'evaluation') this.validationLoss = event.loss
    if (event.type === 'early-stop') this.stoppedEarly = true
    if (event.type === 'step') {
      this.sums.steps++
      this.sums.tokens += event.tokens
      this.sums.dropRate += event.dropRate
      this.sums.backwardSkipped += event.backwardSkipped
    }
    this.record(event)
    this.context.reporter.event(event)
  }

  /** An event that cannot be recorded ends the training as a signal does: after the step, with a checkpoint. */
  private record(event: TrainEvent): void {
    if (this.failure) return
    try {
      this.recorder?.event(event)
    } catch (error) {
      this.failure = { error }
    }
  }

  /** A full disk, say, ends a training; its error tells from where it can go on. */
  private withWayOn(error: unknown): unknown {
    if (!(error instanceof DropBPError) || error.kind !== 'io') return error
    const [newest] = listCheckpoints(this.places.checkpoints)
    const way = newest
      ? `the checkpoint of step ${newest.step} is whole, go on with: ${this.resumeCommand()}`
      : 'nothing of this training was saved'
    return new DropBPError(error.code, `${error.message}; ${way}`, error.kind, { cause: error })
  }

  private get runtime(): string | undefined {
    const { backend } = this.trainer
    return backend && describeBackend(backend)
  }

  private openRecorder(): Promise<Recorder> {
    const { compiled, settings, data, places, trainer } = this
    const facts = { ...factsOf(places.model, compiled.manifest, settings, data), runtime: this.runtime }
    const context = { directory: places.out, facts, done: trainer.step }
    return Recorder.open(context, sinkNames(settings.record))
  }

  private finish(): void {
    const { compiled, trainer, places, settings } = this
    const note = (text: string): void => this.context.reporter.note(text)
    const files = writeResults({ compiled, trainer, places, settings, recorder: this.recorder!, note })
    const { steps, tokens, dropRate, backwardSkipped } = this.sums
    this.context.reporter.done({
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
