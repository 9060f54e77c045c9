/** `Trainer`: steps, evaluation, checkpoints and rates on a compiled directory. */
import path from 'node:path'
import { DropBPError } from '../src/errors.js'
import { readCheckpoint, writeCheckpoint, type SavedCheckpoint } from './checkpoint/checkpoint.js'
import { checkBatch, countedTokens, type Batch } from './data/batch.js'
import type { DataPosition } from './data/batch-source.js'
import { ALLOCATIONS, allocationSteps } from './dropbp/allocation.js'
import { DropBPHandler } from './dropbp/handler.js'
import type { Mask } from './dropbp/presence.js'
import { exportModel, exportParameters } from './export/export.js'
import { openCompiled, type CompiledModel } from './manifest.js'
import type { Backend } from './session.js'
import { makeSchedule, type Schedule } from './schedules/index.js'
import { Accumulator } from './training/accumulator.js'
import { train, type Callbacks } from './training/callbacks.js'
import { evaluate } from './training/evaluate.js'
import type {
  EvaluationResult,
  FitOptions,
  StepResult,
  TrainerOptions,
  TrainEvent,
} from './training/events.js'
import { fit } from './training/fit.js'
import { checkHyperparameters, TrainingGraph } from './training/graph.js'
import { resolveGroups, type PerParameter } from './training/groups.js'
import { provingInPlace } from './training/in-place.js'
import { globalNorm } from './training/norms.js'
import { LossScale } from './training/loss-scale.js'
import { Progress } from './training/progress.js'
import { TrainingState } from './training/state.js'

/** Trains a compiled model. Make one with `Trainer.open`. */
export class Trainer {
  readonly handler: DropBPHandler
  readonly state: TrainingState
  readonly progress: Progress
  readonly lossScale: LossScale
  private readonly schedule: Schedule
  private readonly accumulator: Accumulator
  private readonly allocations: readonly number[]

  private constructor(
    readonly compiled: CompiledModel,
    private readonly graph: TrainingGraph,
    /** Learning rates and decays of their own, where parameters have them. */
    private readonly own: PerParameter | null,
    readonly options: TrainerOptions,
  ) {
    const { steps, learningRate, schedule = 'constant', warmup = 0, rates = 'uniform', maskPer } = options
    const { manifest, directory } = compiled
    this.schedule = makeSchedule({
      kind: schedule,
      learningRate: learningRate ?? hyperparameter(compiled, options, 'learning_rate'),
      warmup,
      steps,
    })
    this.allocations = allocationSteps(rates, steps, options.ratesAt)
    this.handler = new DropBPHandler(manifest, options.dropbp)
    this.state = TrainingState.fromFile(provingInPlace(compiled), path.join(directory, manifest.checkpoint))
    this.progress = new Progress(options.maxSkipped)
    const passes = { maskPer, observe: rates === 'online' }
    this.lossScale = new LossScale(manifest.loss)
    this.accumulator = new Accumulator(compiled, graph, this.state, this.handler, this.lossScale, passes)
  }

  /** Opens a compiled directory for training. */
  static async open(directory: string, options: TrainerOptions): Promise<Trainer> {
    const compiled = openCompiled(directory)
    checkHyperparameters(compiled, options.hyperparameters ?? {})
    const decay = hyperparameter(compiled, options, 'weight_decay')
    const own = resolveGroups(compiled.manifest, options, decay)
    const { session, sessionFactory } = options
    const graph = await TrainingGraph.open(compiled, session, sessionFactory, own !== null)
    try {
      return new Trainer(compiled, graph, own, options)
    } catch (error) {
      await graph.release()
      throw error
    }
  }

  /** What runs the graphs; undefined where the program brought sessions of its own. */
  get backend(): Backend | undefined {
    return this.graph.backend
  }

  /** Steps done so far. */
  get step(): number {
    return this.progress.step
  }

  /** Steps skipped so far for a loss or gradient that was not finite. */
  get skipped(): number {
    return this.progress.skipped
  }

  /** Tokens trained on so far. */
  get tokens(): number {
    return this.progress.tokens
  }

  /**
   * One optimizer step on the micro-batches, weighted by their counted labels. Masks are drawn unless given, one for each
   * micro-batch.
   * @throws DropBPError `not-finite` after too many skipped steps in a row
   */
  async trainStep(batches: readonly Batch[], masks?: readonly Mask[]): Promise<StepResult> {
    const started = performance.now()
    this.handler.setProgress(this.step, this.options.steps)
    const learningRate = this.schedule(this.step)
    const { loss, scale, ...report } = await this.accumulator.run(batches, masks)
    const gradientNorm = Number.isFinite(loss) ? scale * (await this.gradientNorm()) : NaN
    const skipped = !Number.isFinite(loss) ? 'loss' : !Number.isFinite(gradientNorm) ? 'gradient' : null
    if (!skipped) await this.update(learningRate, scale, gradientNorm)
    const tokens = batches.reduce((n, b) => n + countedTokens(b), 0)
    this.progress.count(tokens, skipped, this.lossScale.count(skipped !== 'gradient'))
    const milliseconds = performance.now() - started
    const memory = process.memoryUsage.rss()
    return {
      step: this.step,
      loss,
      learningRate,
      gradientNorm,
      skipped,
      ...report,
      tokens,
      milliseconds,
      memory,
    }
  }

  /** The mean loss over batches, without training. */
  evaluate(batches: Iterable<Batch> | AsyncIterable<Batch>): Promise<EvaluationResult> {
    return evaluate(this.compiled, this.graph, this.state, batches)
  }

  /** Whether drop rates are to be assigned before the next step. */
  get ratesAreDue(): boolean {
    const due = this.allocations[this.progress.allocations]
    return due !== undefined && this.step >= due && this.handler.sites.length > 0
  }

  /**
   * Assigns drop rates as the options say, `uniform` by the sensitivities of one batch; nothing else changes.
   * @returns the sensitivities used, null where none are used or known yet
   */
  async assignRates(batch: Batch): Promise<readonly number[] | null> {
    const { rates = 'sensitivity' } = this.options
    this.handler.setDims(checkBatch(this.compiled.manifest, batch))
    this.progress.allocations++
    return ALLOCATIONS[rates === 'uniform' ? 'sensitivity' : rates].assign({
      handler: this.handler,
      measure: (mask) => this.measure(batch, mask),
    })
  }

  /** Squared gradient norms of one batch under a mask, one a parameter; nothing that training depends on changes. */
  measure(batch: Batch, mask: Mask): Promise<readonly number[]> {
    return this.accumulator.measure(batch, mask)
  }

  /** Trains to the end of the steps; see `fit`. */
  fit(options: FitOptions): AsyncGenerator<TrainEvent, void, void> {
    return fit(this, options)
  }

  /** The same to its end, calling back as it goes. */
  train(options: FitOptions, callbacks: Callbacks = {}): Promise<void> {
    return train(this, options, callbacks)
  }

  /** Writes a checkpoint that `resume` takes; all there was stays valid until the new one is complete. */
  save(
    root: string,
    position: DataPosition | null,
    options: { keep?: number; keepBest?: boolean; settings?: unknown } = {},
  ): SavedCheckpoint {
    const { source, optimizer } = this.compiled.manifest
    const state = {
      ...this.progress.state(),
      source: source.sha256,
      optimizer: optimizer.kind,
      handler: this.handler.state(),
      lossScale: this.lossScale.state(),
      data: position,
      settings: options.settings ?? null,
    }
    return writeCheckpoint(root, state, this.state, options)
  }

  /** Takes everything from a checkpoint; returns where its data stood. */
  resume(checkpoint: string): DataPosition | null {
    const { state, parameters, moments } = readCheckpoint(checkpoint)
    const { source, optimizer } = this.compiled.manifest
    if (state.source !== source.sha256 || state.optimizer !== optimizer.kind) {
      throw new DropBPError(
        'wrong-checkpoint',
        `${checkpoint}: belongs to another model or optimizer than ${this.compiled.directory}`,
      )
    }
    this.state.restore(parameters, moments)
    this.handler.restore(state.handler)
    this.progress.restore(state)
    if (state.lossScale) this.lossScale.restore(state.lossScale)
    return state.data
  }

  /** Writes the source model with the present weights. `source` is the source file, by default where the manifest says. */
  exportModel(file: string, source?: string): void {
    exportModel(this.compiled, this.state, file, source)
  }

  /** Writes the parameters under the source framework's names and in its layouts. */
  exportParameters(file: string, source?: string): void {
    exportParameters(this.compiled, this.state, file, source)
  }

  /** Frees the sessions. */
  async release(): Promise<void> {
    await this.graph.release()
  }

  private async gradientNorm(): Promise<number> {
    return globalNorm(await this.graph.squaredNorms(this.accumulator.gradients))
  }

  /** Scales by `scale` (the micro-batches' weights), clips by c = min(1, clipNorm / (norm + 1e-6)), and updates. */
  private async update(learningRate: number, scale: number, norm: number): Promise<void> {
    const { clipNorm = 0, hyperparameters = {} } = this.options
    const { gradients } = this.accumulator
    const factor = scale * (clipNorm > 0 ? Math.min(1, clipNorm / (norm + 1e-6)) : 1)
    const inGraph = this.compiled.manifest.optimizer.hyperparameters.some((h) => h.name === 'gradient_scale')
    if (!inGraph && factor !== 1) gradients.scale(factor)
    const { learningRateScale, weightDecay } = this.own ?? {}
    const values = {
      ...hyperparameters,
      learning_rate: learningRateScale?.map((x) => x * learningRate) ?? learningRate,
      ...(weightDecay && { weight_decay: weightDecay }),
      ...(inGraph ? { gradient_scale: factor } : {}),
    }
    await this.graph.update(this.state, gradients, values)
  }
}

/** A hyperparameter as given, else as the compiled optimizer has it by default. */
function hyperparameter({ manifest }: CompiledModel, options: TrainerOptions, name: string): number {
  const spec = manifest.optimizer.hyperparameters.find((h) => h.name === name)
  return options.hyperparameters?.[name] ?? spec?.default ?? 0
}
