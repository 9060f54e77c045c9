/** The graphs of a compiled directory as operations: gradients of a batch, one optimizer step, the loss. */
import path from 'node:path'
import { UsageError } from '../../src/errors.js'
import { batchFeeds, type Batch } from '../data/batch.js'
import type { GradientSet } from './gradients.js'
import { SquaredNorms } from './norms.js'
import { GradientSums } from './sums.js'
import { openOptimizer, type OptimizerStep, type OptimizerValues } from './optimizer.js'
import type { CompiledModel } from '../manifest.js'
import { Presence, type Mask } from '../dropbp/presence.js'
import { chooseKernels } from '../kernels.js'
import {
  openSession,
  type Backend,
  type Session,
  type SessionFactory,
  type SessionOptions,
} from '../session.js'
import type { TrainingState } from './state.js'
import { floatsOf, int64, scalar } from '../../src/host-tensor.js'

/** Scalar inputs of the optimizer by name. */
export type Hyperparameters = Readonly<Record<string, number>>

/** Factors of a backward pass, for the models that take them. */
export interface BackwardFactors {
  /** Of the gradient entering each kept site; 1 where absent. */
  sites?: readonly number[]
  /** Of the loss; taken out of the gradients again. */
  loss?: number
  /** What dropout masks are drawn from; 0 where absent. */
  dropoutSeed?: number
}

/** An evaluated batch. */
export interface Measured {
  loss: number
  /** Counted labels that the largest logit predicts. */
  correct?: number
  /** The loss without label smoothing, where it has some. */
  unsmoothed?: number
}

/** The sessions of a compiled directory. The evaluation session is made when first needed. */
export class TrainingGraph {
  private readonly presence: Presence
  private evaluation: Session | undefined

  private constructor(
    private readonly compiled: CompiledModel,
    private readonly training: Session,
    private readonly optimizer: OptimizerStep,
    private readonly norms: SquaredNorms,
    private readonly sums: GradientSums,
    private readonly open: (model: 'eval') => Promise<Session>,
    private readonly kernels: string | undefined,
  ) {
    this.presence = new Presence(compiled.manifest)
  }

  /** @param vectors whether `update` is given vectors */
  static async open(
    compiled: CompiledModel,
    given: SessionOptions = {},
    factory: SessionFactory = openSession,
    vectors = false,
  ): Promise<TrainingGraph> {
    const { directory, manifest } = compiled
    // a program's own sessions register what they like
    const { options, said } = factory === openSession ? chooseKernels(manifest, given) : { options: given }
    // A frozen weight inside a branch would be packed once for each `If` that reads it.
    const frozenInBranch = manifest.parameters.some((p) => !p.trainable && p.sites.length > 0)
    const make = (model: 'training' | 'eval', own: SessionOptions): Promise<Session> =>
      factory(path.join(directory, manifest.models[model]), { ...own, ...options })
    const training = await make('training', { prepack: !frozenInBranch })
    const optimizer = await openOptimizer(compiled, options, factory, vectors)
    const norms = new SquaredNorms(factory, options)
    const sums = new GradientSums(factory, options)
    const open = () => make('eval', { spin: false })
    return new TrainingGraph(compiled, training, optimizer, norms, sums, open, said)
  }

  /** What runs it; undefined where the program brought a session of its own. */
  get backend(): Backend | undefined {
    const { backend } = this.training
    return backend && this.kernels !== undefined ? { ...backend, kernels: this.kernels } : backend
  }

  /** Computes the gradients that the mask leaves present into `into`, and returns the loss. */
  async backward(
    state: TrainingState,
    batch: Batch,
    mask: Mask,
    into: GradientSet,
    factors: BackwardFactors = {},
  ): Promise<number> {
    const { manifest } = this.compiled
    const feeds = { ...batchFeeds(manifest, batch), ...state.parameterFeeds() }
    manifest.sites.forEach((site, i) => {
      feeds[site.keep] = scalar('bool', mask[i]!)
      if (site.scale !== undefined) feeds[site.scale] = scalar('float32', factors.sites?.[i] ?? 1)
    })
    const { scale } = manifest.loss
    if (scale) feeds[scale.input] = scalar('float32', factors.loss ?? scale.default)
    if (manifest.dropout) feeds[manifest.dropout.seed] = int64(factors.dropoutSeed ?? 0)
    into.expect(this.presence.under(mask))
    const fetches: Record<string, null> = { [manifest.loss.output]: null }
    into.parameters.forEach((spec, i) => into.expects(i) && (fetches[spec.gradient] = null))
    const results = await this.training.run(feeds, fetches)
    into.parameters.forEach((spec, i) => into.expects(i) && into.set(i, results[spec.gradient]!))
    return floatsOf(results[manifest.loss.output]!)[0]!
  }

  /** One step of the optimizer on the present gradients. */
  async update(state: TrainingState, gradients: GradientSet, values: OptimizerValues): Promise<void> {
    await this.optimizer.run(state, gradients, values)
    state.advance(gradients)
  }

  /** Squared norm of each parameter's gradient; zero where it is absent. */
  squaredNorms(gradients: GradientSet): Promise<number[]> {
    return this.norms.of(gradients)
  }

  /** sum += weight · more; `more` may be left without what it gave. */
  accumulate(sum: GradientSet, more: GradientSet, weight: number): Promise<void> {
    return sum.accumulate(more, weight, this.sums.add)
  }

  /** The loss of a batch, without gradients, and what else the evaluation graph tells. */
  async loss(state: TrainingState, batch: Batch): Promise<Measured> {
    const { manifest } = this.compiled
    this.evaluation ??= await this.open('eval')
    const feeds = { ...batchFeeds(manifest, batch), ...state.parameterFeeds() }
    for (const site of manifest.sites) feeds[site.keep] = scalar('bool', true)
    const { correct, unsmoothed } = manifest.evaluation ?? {}
    const names = [manifest.loss.output, correct, unsmoothed].filter((name) => name !== undefined)
    const results = await this.evaluation.run(feeds, Object.fromEntries(names.map((name) => [name, null])))
    const read = (name: string | undefined): number | undefined =>
      name === undefined ? undefined : floatsOf(results[name]!)[0]
    return { loss: read(manifest.loss.output)!, correct: read(correct), unsmoothed: read(unsmoothed) }
  }

  async release(): Promise<void> {
    const { training, optimizer, evaluation, norms, sums } = this
    await Promise.all([training, optimizer, evaluation, norms, sums].map((s) => s?.release()))
  }
}

/** Refuses hyperparameters that the compiled optimizer does not have. */
export function checkHyperparameters(compiled: CompiledModel, values: Hyperparameters): void {
  const known = compiled.manifest.optimizer.hyperparameters.map((h) => h.name)
  const unknown = Object.keys(values).find((name) => !known.includes(name))
  if (unknown === undefined) return
  throw new UsageError(
    'unknown-hyperparameter',
    `the optimizer has no "${unknown}"; it has ${known.join(', ')}`,
  )
}
