/** Gradients of a step: one pass for each micro-batch under its mask, added up by counted labels. */
import { UsageError } from '../../src/errors.js'
import { checkBatch, countedLabels, type Batch } from '../data/batch.js'
import type { DropBPHandler } from '../dropbp/handler.js'
import type { Mask } from '../dropbp/presence.js'
import type { CompiledModel } from '../manifest.js'
import type { MaskPer } from './choices.js'
import { GradientSet } from './gradients.js'
import type { TrainingGraph } from './graph.js'
import type { LossScale } from './loss-scale.js'
import type { TrainingState } from './state.js'

export interface AccumulatorOptions {
  /** A mask for each micro-batch, as in the paper, or one for the whole step. */
  maskPer?: MaskPer
  /** Tells the handler the gradient norms of every pass, for the online estimate of sensitivities. */
  observe?: boolean
}

/** What the passes of a step came to. */
export interface Accumulated {
  /** Mean over the step's counted labels. */
  loss: number
  /** What the gradients have to be multiplied by to be those of the mean loss. */
  scale: number
  masks: Mask[]
  /** Share of the sites' backward FLOPs that was dropped, and of the whole graph's. */
  dropRate: number
  backwardSkipped: number
}

/** Computes a step's gradients into `gradients`; holds one further set, for the micro-batches after the first. */
export class Accumulator {
  readonly gradients: GradientSet
  private readonly scratch: GradientSet

  constructor(
    private readonly compiled: CompiledModel,
    private readonly graph: TrainingGraph,
    private readonly state: TrainingState,
    private readonly handler: DropBPHandler,
    private readonly lossScale: LossScale,
    private readonly options: AccumulatorOptions = {},
  ) {
    this.gradients = new GradientSet(state.parameters)
    this.scratch = new GradientSet(state.parameters)
  }

  /**
   * Gradients of all micro-batches, each weighted relative to the first: Σ (n_i / n_0) · g_i. Stops at a loss that is not
   * finite.
   * @param masks one for each micro-batch; drawn where absent
   * @throws UsageError `micro-batches`
   */
  async run(batches: readonly Batch[], masks?: readonly Mask[]): Promise<Accumulated> {
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
      this.handler.setDims(checkBatch(this.compiled.manifest, batch))
      const mask = this.nextMask(masks?.[i], used[0])
      const weight = countedLabels(this.compiled.manifest, batch)
      const value = await this.pass(i, batch, mask, weight / (weights[0] ?? weight))
      loss += value * weight
      weights.push(weight)
      used.push(mask)
      addTo(flops, this.handler.backwardFlops(mask))
      if (!Number.isFinite(value)) break
    }
    const counted = weights.reduce((a, b) => a + b, 0)
    return {
      loss: loss / counted,
      scale: weights[0]! / counted,
      masks: used,
      dropRate: share(flops.dropped, flops.sites),
      backwardSkipped: share(flops.dropped, flops.total),
    }
  }

  /** Squared gradient norms of one batch under a mask; nothing that training depends on changes. */
  async measure(batch: Batch, mask: Mask): Promise<readonly number[]> {
    await this.graph.backward(this.state, batch, mask, this.scratch, { loss: this.lossScale.value })
    return this.graph.squaredNorms(this.scratch)
  }

  private async pass(i: number, batch: Batch, mask: Mask, weight: number): Promise<number> {
    const target = i === 0 ? this.gradients : this.scratch
    const factors = {
      sites: this.handler.siteFactors,
      loss: this.lossScale.value,
      // A model without the input leaves the generator, and so the masks of its branches, alone.
      ...(this.compiled.manifest.dropout && { dropoutSeed: this.handler.drawSeed() }),
    }
    const loss = await this.graph.backward(this.state, batch, mask, target, factors)
    if (this.options.observe) this.handler.observe(await this.graph.squaredNorms(target))
    if (i > 0) await this.graph.accumulate(this.gradients, this.scratch, weight)
    return loss
  }

  private nextMask(given: Mask | undefined, first: Mask | undefined): Mask {
    const held = given ?? (this.options.maskPer === 'step' ? first : undefined)
    if (!held) return this.handler.setDroppedLayers()
    this.handler.record(held)
    return held
  }
}

function addTo<T extends Record<string, number>>(sum: T, more: T): void {
  for (const key of Object.keys(sum) as (keyof T)[]) sum[key] = (sum[key]! + more[key]!) as T[keyof T]
}

function share(part: number, whole: number): number {
  return whole > 0 ? part / whole : 0
}
