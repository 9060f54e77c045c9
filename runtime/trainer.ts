/** `Trainer`: steps, evaluation, checkpoints and rates on a compiled directory. */
import path from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { DropBPError, UsageError } from '../src/errors.js'
import { checkBatch, countedLabels, countedTokens, type Batch } from './data/batch.js'
import {
  readCheckpoint,
  writeCheckpoint,
  type CheckpointState,
  type SavedCheckpoint,
} from './checkpoint/checkpoint.js'
import type { DataPosition } from './data/batch-source.js'
import type {
  EvaluationResult,
  FitOptions,
  SkipReason,
  StepResult,
  TrainEvent,
  TrainerOptions,
} from './training/events.js'
import { exportModel, exportParameters } from './export/export.js'
import { GradientSet } from './training/gradients.js'
import { DropBPHandler } from './dropbp/handler.js'
import { openCompiled, type CompiledModel } from './manifest.js'
import type { Mask } from './dropbp/presence.js'
import { makeSchedule, type Schedule } from './schedules/index.js'
import { TrainingState } from './training/state.js'
import { checkHyperparameters, TrainingGraph } from './training/graph.js'

/** Trains a compiled model. Make one with `Trainer.open`. */
export class Trainer {
  readonly handler: DropBPHandler
  readonly state: TrainingState
  private readonly schedule: Schedule
  private readonly gradients: GradientSet
  private readonly scratch: GradientSet
  private stepsDone = 0
  private tokensSeen = 0
  private skippedSteps = 0
  private skippedInARow = 0

  private constructor(
    readonly compiled: CompiledModel,
    private readonly graph: TrainingGraph,
    private readonly options: TrainerOptions,
  ) {
    const { steps, learningRate, schedule = 'constant', warmup = 0 } = options
    const { manifest, directory } = compiled
    const fallback = manifest.optimizer.hyperparameters.find((h) => h.name === 'learning_rate')?.default
    this.schedule = makeSchedule({
      kind: schedule,
      learningRate: learningRate ?? fallback ?? 0,
      warmup,
      steps,
    })
    this.handler = new DropBPHandler(manifest, options.dropbp)
    this.state = TrainingState.fromFile(manifest, path.join(directory, manifest.checkpoint))
    this.gradients = new GradientSet(this.state.parameters)
    this.scratch = new GradientSet(this.state.parameters)
  }

  /** Opens a compiled directory for training. */
  static async open(directory: string, options: TrainerOptions): Promise<Trainer> {
    const compiled = openCompiled(directory)
    checkHyperparameters(compiled, options.hyperparameters ?? {})
    const graph = await TrainingGraph.open(compiled, options.session, options.sessionFactory)
    try {
      return new Trainer(compiled, graph, options)
    } catch (error) {
      await graph.release()
      throw error
    }
  }

  /** Steps done so far. */
  get step(): number {
    return this.stepsDone
  }

  /** Steps skipped so far for a loss or gradient that was not finite. */
  get skipped(): number {
    return this.skippedSteps
  }

  /** Tokens trained on so far. */
  get tokens(): number {
    return this.tokensSeen
  }

  /**
   * One optimizer step on the micro-batches, weighted by their counted labels. Masks are drawn for each micro-batch unless
   * given.
   * @throws DropBPError `not-finite` after too many skipped steps in a row
   */
  async trainStep(batches: readonly Batch[], masks?: readonly Mask[]): Promise<StepResult> {
    const started = performance.now()
    const learningRate = this.schedule(this.stepsDone)
    const pass = await this.accumulate(batches, masks)
    const { loss, weights } = pass
    const scale = weights[0]! / weights.reduce((a, b) => a + b, 0)
    const gradientNorm = Number.isFinite(loss) ? this.gradients.norm() * scale : NaN
    const skipped = !Number.isFinite(loss) ? 'loss' : !Number.isFinite(gradientNorm) ? 'gradient' : null
    if (!skipped) await this.update(learningRate, scale, gradientNorm)
    this.stepsDone++
    const tokens = batches.reduce((n, b) => n + countedTokens(b), 0)
    this.tokensSeen += tokens
    this.countSkipped(skipped)
    const milliseconds = performance.now() - started
    return {
      step: this.stepsDone,
      loss,
      learningRate,
      gradientNorm,
      skipped,
      ...pass.report,
      tokens,
      milliseconds,
    }
  }

  /** The mean loss over batches, without training. */
  async evaluate(batches: Iterable<Batch> | AsyncIterable<Batch>): Promise<EvaluationResult> {
    let total = 0
    let labels = 0
    let count = 0
    for await (const batch of batches) {
      checkBatch(this.compiled.manifest, batch)
      const weight = countedLabels(this.compiled.manifest, batch)
      if (weight > 0) total += weight * (await this.graph.loss(this.state, batch))
      labels += weight
      count++
      await nextTurn()
    }
    if (labels === 0) throw new UsageError('no-validation', 'the validation data holds no label that counts')
    const loss = total / labels
    return { loss, perplexity: Math.exp(loss), batches: count }
  }

  /** Assigns drop rates by the sensitivities of one batch; nothing else changes. */
  async assignRates(batch: Batch): Promise<readonly number[]> {
    this.handler.setDims(checkBatch(this.compiled.manifest, batch))
    return this.handler.sensitivityBasedDropBP(async (mask) => {
      await this.graph.backward(this.state, batch, mask, this.scratch)
      return this.scratch.squaredNorms()
    })
  }

  /**
   * Trains to the end of the steps, reporting as it goes. The loop runs while the caller iterates; leaving it leaves the
   * trainer at a step's end.
   */
  async *fit(fit: FitOptions): AsyncGenerator<TrainEvent, void, void> {
    const { data, accumulate = 1, signal, evaluateEvery = 0, saveEvery = 0 } = fit
    const { steps } = this.options
    let saved = this.stepsDone
    while (this.stepsDone < steps && !signal?.aborted) {
      const batches: Batch[] = []
      while (batches.length < accumulate) batches.push(await data.next())
      if (this.ratesAreDue()) yield await this.rateEvent(batches[0]!)
      yield { type: 'step', ...(await this.trainStep(batches)) }
      const last = this.stepsDone === steps
      if (fit.validation && isDue(this.stepsDone, evaluateEvery, last)) {
        yield { type: 'evaluation', step: this.stepsDone, ...(await this.evaluate(fit.validation())) }
      }
      if (fit.checkpoints && isDue(this.stepsDone, saveEvery, last)) {
        yield this.saveEvent(fit)
        saved = this.stepsDone
      }
      // A run blocks the event loop: timers and signals get their turn between steps.
      await nextTurn()
    }
    if (fit.checkpoints && saved < this.stepsDone) yield this.saveEvent(fit)
  }

  /** Writes a checkpoint that `resume` takes; all there was stays valid until the new one is complete. */
  save(
    root: string,
    position: DataPosition | null,
    options: { keep?: number; settings?: unknown } = {},
  ): SavedCheckpoint {
    const state: CheckpointState = {
      step: this.stepsDone,
      tokens: this.tokensSeen,
      skipped: this.skippedSteps,
      source: this.compiled.manifest.source.sha256,
      optimizer: this.compiled.manifest.optimizer.kind,
      handler: this.handler.state(),
      data: position,
      settings: options.settings ?? null,
    }
    return writeCheckpoint(root, state, this.state, options.keep)
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
    this.stepsDone = state.step
    this.tokensSeen = state.tokens
    this.skippedSteps = state.skipped
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

  /**
   * Gradients of all micro-batches into `this.gradients`, each weighted relative to the first: Σ (n_i / n_0) · g_i. Stops at
   * a loss that is not finite.
   */
  private async accumulate(batches: readonly Batch[], masks?: readonly Mask[]): Promise<Pass> {
    const { manifest } = this.compiled
    if (batches.length === 0 || (masks && masks.length !== batches.length)) {
      throw new UsageError(
        'micro-batches',
        `${batches.length} micro-batches and ${masks?.length ?? 'drawn'} masks: expected one mask for each, and at least one`,
      )
    }
    const weights: number[] = []
    const used: Mask[] = []
    const flops = { dropped: 0, sites: 0, total: 0 }
    let loss = 0
    for (const [i, batch] of batches.entries()) {
      this.handler.setDims(checkBatch(manifest, batch))
      const mask = this.nextMask(masks?.[i])
      const weight = countedLabels(manifest, batch)
      const target = i === 0 ? this.gradients : this.scratch
      const value = await this.graph.backward(this.state, batch, mask, target)
      if (i > 0) this.gradients.accumulate(this.scratch, weight / weights[0]!)
      loss += value * weight
      weights.push(weight)
      used.push(mask)
      addTo(flops, this.handler.backwardFlops(mask))
      if (!Number.isFinite(value)) break
    }
    const report = {
      masks: used,
      dropRate: share(flops.dropped, flops.sites),
      backwardSkipped: share(flops.dropped, flops.total),
    }
    return { loss: loss / weights.reduce((a, b) => a + b, 0), weights, report }
  }

  private nextMask(given: Mask | undefined): Mask {
    if (!given) return this.handler.setDroppedLayers()
    this.handler.record(given)
    return given
  }

  /** Scales by `scale` (the micro-batches' weights), clips by c = min(1, clipNorm / (norm + 1e-6)), and updates. */
  private async update(learningRate: number, scale: number, norm: number): Promise<void> {
    const { clipNorm = 0, hyperparameters = {} } = this.options
    const factor = scale * (clipNorm > 0 ? Math.min(1, clipNorm / (norm + 1e-6)) : 1)
    const inGraph = this.compiled.manifest.optimizer.hyperparameters.some((h) => h.name === 'gradient_scale')
    if (!inGraph && factor !== 1) this.gradients.scale(factor)
    const values = {
      ...hyperparameters,
      learning_rate: learningRate,
      ...(inGraph ? { gradient_scale: factor } : {}),
    }
    await this.graph.update(this.state, this.gradients, values)
  }

  private countSkipped(skipped: SkipReason | null): void {
    if (!skipped) {
      this.skippedInARow = 0
      return
    }
    this.skippedSteps++
    const { maxSkipped = 10 } = this.options
    if (++this.skippedInARow <= maxSkipped) return
    throw new DropBPError(
      'not-finite',
      `the ${skipped} was not finite in ${this.skippedInARow} steps in a row, up to step ${this.stepsDone}; lower the learning rate or look at the data`,
    )
  }

  private ratesAreDue(): boolean {
    const { rates = 'uniform', sensitivityAt = 0.1, steps } = this.options
    if (rates !== 'sensitivity' || this.handler.sensitivities || this.handler.sites.length === 0) return false
    return this.stepsDone >= Math.floor(sensitivityAt * steps)
  }

  private async rateEvent(batch: Batch): Promise<TrainEvent> {
    const sensitivities = await this.assignRates(batch)
    return { type: 'rates', step: this.stepsDone, rates: this.handler.dropRates, sensitivities }
  }

  private saveEvent({ checkpoints, data, keep, settings }: FitOptions): TrainEvent {
    const { directory } = this.save(checkpoints!, data.position(), { keep, settings })
    return { type: 'checkpoint', step: this.stepsDone, directory }
  }
}

interface Pass {
  loss: number
  weights: number[]
  report: Pick<StepResult, 'masks' | 'dropRate' | 'backwardSkipped'>
}

function isDue(step: number, every: number, last: boolean): boolean {
  return last || (every > 0 && step % every === 0)
}

function addTo<T extends Record<string, number>>(sum: T, more: T): void {
  for (const key of Object.keys(sum) as (keyof T)[]) sum[key] = (sum[key]! + more[key]!) as T[keyof T]
}

function share(part: number, whole: number): number {
  return whole > 0 ? part / whole : 0
}
