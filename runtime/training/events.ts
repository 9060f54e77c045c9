/** What a trainer is told, and what it tells. */
import type { Batch } from '../data/batch.js'
import type { BatchSource } from '../data/batch-source.js'
import type { RateKind } from '../dropbp/allocation.js'
import type { HandlerOptions } from '../dropbp/options.js'
import type { Mask } from '../dropbp/presence.js'
import type { ScheduleKind } from '../schedules/index.js'
import type { SessionFactory, SessionOptions } from '../session.js'
import type { MaskPer } from './choices.js'
import type { GroupOptions } from './groups.js'
import type { Hyperparameters } from './graph.js'

export interface TrainerOptions extends GroupOptions {
  /** Optimizer steps of the whole training. */
  steps: number
  learningRate?: number
  schedule?: ScheduleKind
  /** Steps of rising learning rate. */
  warmup?: number
  /** Bound of the gradients' global norm; 0 leaves them alone. */
  clipNorm?: number
  /** Further inputs of the optimizer, such as `weight_decay`. */
  hyperparameters?: Hyperparameters
  /** Drop rates, policy and seed of the masks. */
  dropbp?: HandlerOptions
  /** A mask for each micro-batch (default), or for each step. */
  maskPer?: MaskPer
  /** How the drop rate is divided among sites; `uniform` by default. */
  rates?: RateKind
  /**
   * When: shares of the training below 1, or steps. By default once at a tenth for `sensitivity`, at every tenth for
   * `online`.
   */
  ratesAt?: readonly number[]
  /** Steps in a row that may be skipped for a loss or gradient that is not finite. */
  maxSkipped?: number
  session?: SessionOptions
  sessionFactory?: SessionFactory
}

/** Why a step changed nothing. */
export type SkipReason = 'loss' | 'gradient'

/** What a step did. */
export interface StepResult {
  /** Steps done, this one included. */
  step: number
  /** Mean over the step's counted labels. */
  loss: number
  learningRate: number
  /** Norm of the whole gradient before clipping; NaN where the loss already was not finite. */
  gradientNorm: number
  skipped: SkipReason | null
  masks: readonly Mask[]
  /** Share of the sites' backward FLOPs dropped: what the drop rate aims at. */
  dropRate: number
  /** Share of the whole graph's backward FLOPs dropped. */
  backwardSkipped: number
  tokens: number
  milliseconds: number
  /** Bytes of the process in memory after the step. */
  memory: number
}

export interface EvaluationResult {
  /** Mean over all counted labels. */
  loss: number
  /** exp of the loss; of the one without label smoothing, where there is some. */
  perplexity: number
  /** Share of the counted labels that the largest logit predicts, where the evaluation graph tells. */
  accuracy?: number
  batches: number
}

/** What happens during `fit`. */
export type TrainEvent =
  | ({ type: 'step' } & StepResult)
  | ({ type: 'evaluation'; step: number; /** The best so far. */ best: boolean } & EvaluationResult)
  | { type: 'rates'; step: number; rates: readonly number[]; sensitivities: readonly number[] | null }
  | { type: 'checkpoint'; step: number; directory: string }
  | { type: 'early-stop'; step: number; best: number }

/** The event of one type. */
export type EventOf<T extends TrainEvent['type']> = Extract<TrainEvent, { type: T }>

export interface FitOptions {
  data: BatchSource
  /** Micro-batches of a step. */
  accumulate?: number
  /** Batches to evaluate on, afresh at each evaluation. */
  validation?: () => Iterable<Batch> | AsyncIterable<Batch>
  /** Evaluate every so many steps, and at the end. */
  evaluateEvery?: number
  /** Stop after so many evaluations without a better loss. */
  patience?: number
  /** What a loss has to be better by. */
  minDelta?: number
  /** Checkpoint directory. */
  checkpoints?: string
  /** Save every so many steps, and at the end. */
  saveEvery?: number
  /** How many checkpoints to keep. */
  keep?: number
  /** Keep the checkpoint of the best evaluation besides. */
  keepBest?: boolean
  /** Stops after the running step; the state is saved then. */
  signal?: { readonly aborted: boolean }
  /** Written into checkpoints as it is, for whoever resumes. */
  settings?: unknown
}
