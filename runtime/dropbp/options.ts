/** What a handler is told, and what a checkpoint keeps of it. */
import type { MaskPolicy, PolicyName, PolicyOptions } from '../policies/index.js'
import type { OnlineState } from './online.js'
import type { RateBounds } from './rates.js'

export interface HandlerOptions extends Partial<RateBounds>, PolicyOptions {
  /** Share of the sites' backward FLOPs to drop, in expectation. */
  dropRate?: number
  /** Optimizer steps over which the rates rise linearly from zero. */
  dropWarmup?: number
  policy?: PolicyName | MaskPolicy
  /**
   * Multiplies the gradient that enters a kept site by 1/(1 − rate), for models compiled with factors. The mean gradient is the
   * whole one then, exactly under `bernoulli`; nearly under `budget`, whose sites are not independent.
   */
  unbiased?: boolean
  seed?: number
}

/** What a checkpoint keeps of a handler. */
export interface HandlerState {
  rates: number[]
  counts: number[]
  draws: number
  random: number[]
  sensitivities: number[] | null
  /** Absent in checkpoints of versions that did not estimate. */
  online?: OnlineState
}
