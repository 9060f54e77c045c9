/** The contract of a pattern. */
import type { Builder } from '../../src/builder.js'
import type { Node, Value } from '../../src/ir.js'

/** Why something that looks like the pattern is left alone. */
export class Unlike {
  constructor(readonly reason: string) {}
}

/** Finds a decomposed operator by its last node. */
export interface Pattern {
  /** What it makes, in a word: `attention`. */
  readonly name: string
  /**
   * Emits the composite and returns what stands for the node's output; undefined where the node is no such thing at all.
   * Emits nothing unless it matches.
   */
  readonly match: (node: Node, b: Builder) => Value | Unlike | undefined
}
