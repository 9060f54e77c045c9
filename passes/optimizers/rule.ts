/** The contract of an optimizer's rule. */
import type { Builder } from '../../src/builder.js'
import type { Value } from '../../src/ir.js'
import type { DType } from '../../src/types.js'

/**
 * Emits one parameter's next value and its next states, in this order; everything has the optimizer's element type. Every
 * reader of the parameter and of a state precedes, by data dependency, the writer of its successor.
 * @param own the parameter's element of a value that depends on `learning_rate` or `weight_decay`
 */
export type Update = (
  b: Builder,
  parameter: Value,
  gradient: Value,
  state: readonly Value[],
  own: (value: Value) => Value,
) => readonly Value[]

/** Hyperparameters that may differ from parameter to parameter: `prepare` sees vectors, one element a parameter. */
export const PER_PARAMETER = ['learning_rate', 'weight_decay'] as const

/** State of every parameter, starting at zero. */
export interface StateRule {
  readonly name: string
  /** Of shape [], else of the parameter's. */
  readonly scalar: boolean
  /** The axis that has size 1 instead, counted from the end, for parameters that have it. */
  readonly reduced?: -1 | -2
}

/** One optimizer: its hyperparameters with defaults, its state, and one parameter's update. */
export interface OptimizerRule {
  /** Whether an element's next value and states depend on no other element. */
  readonly elementwise: boolean
  /** Scalar inputs by name, with the values that the command line uses by default. */
  readonly hyperparameters: Readonly<Record<string, number>>
  /** State kept for every parameter; all starts at zero. */
  readonly state: readonly StateRule[]
  /** Emits what depends on the hyperparameters alone, once, and returns the update of a parameter. */
  prepare(b: Builder, hyperparameter: (name: string) => Value, dtype: DType): Update
}
