/** The contract of an optimizer's rule. */
import type { Builder } from '../../src/builder.js'
import type { Value } from '../../src/ir.js'
import type { DType } from '../../src/types.js'

/** Emits one parameter's next value and its next states, in this order; everything has the optimizer's element type. */
export type Update = (
  b: Builder,
  parameter: Value,
  gradient: Value,
  state: readonly Value[],
) => readonly Value[]

/** One optimizer: its hyperparameters with defaults, its state, and one parameter's update. */
export interface OptimizerRule {
  /** Scalar inputs by name, with the values that the command line uses by default. */
  readonly hyperparameters: Readonly<Record<string, number>>
  /** State kept for every parameter; all starts at zero. */
  readonly state: readonly { readonly name: string; readonly scalar: boolean }[]
  /** Emits what depends on the hyperparameters alone, once, and returns the update of a parameter. */
  prepare(b: Builder, hyperparameter: (name: string) => Value, dtype: DType): Update
}
