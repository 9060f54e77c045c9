/** What the parts of parameter recovery hand each other: places, names and weights. */
import type { Builder } from '../../src/builder.js'
import type { Node, Value } from '../../src/ir.js'

/** One place that reads an initializer. */
export interface Reading {
  readonly node: Node
  readonly index: number
}

/** A name for an initializer, as one of its readings has it. */
export interface Claim {
  readonly name: string
  readonly isBuffer: boolean
  /** Whether the export says so, instead of the place suggesting it. */
  readonly exact: boolean
}

/** A weight as one or more readers know it. */
export interface Weight {
  name: string
  readonly value: Value
  /** Name of the initializer in the source model. */
  readonly initializer: string
  /** Whether the exporter computed the initializer from the framework's tensor, and so lost its name. */
  readonly folded: boolean
  /** Whether the initializer is stored transposed. */
  readonly transposed: boolean
  /** Expression over this weight that the initializer holds, where it holds another. */
  readonly derived?: string
  /** Names of the source's nodes that read this weight, where its initializer holds several. */
  readonly uses?: string[]
  readonly aliases: Set<string>
  /** Initializers that hold the same weight once more. */
  readonly copies: string[]
  readonly readings: Reading[]
  /** Whether the export itself connects all readings with this name. */
  readonly exact: boolean
}

/** A builder whose nodes lie where a reading does. */
export type BuilderFor = (reading: Reading) => Builder
