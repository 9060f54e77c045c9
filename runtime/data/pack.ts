/** Packing: several short examples in one row. */
import { UsageError } from '../../src/errors.js'
import type { Contract } from './example.js'
import { masksPairs } from './roles.js'

/** Ways to put several examples into one row. */
export const PACKINGS = ['isolated', 'mixed'] as const

export interface PackOptions {
  /**
   * Several examples in a row: `isolated` where the model's mask can keep them apart (else it is refused), `mixed` lets
   * them see those before them in the row. Needs `capacity`.
   */
  packing?: (typeof PACKINGS)[number]
  /** Tokens of a packed row. */
  capacity?: number
}

/**
 * Puts examples into rows by best fit, the longest first: each goes into the fullest row that still has room. Rows and
 * examples in them come in the order of `lengths`, so that a shuffled order stays one.
 * @param lengths tokens of every example, each at most `capacity`
 * @returns the examples of every row
 */
export function packRows(lengths: readonly number[], capacity: number): number[][] {
  const rows: { room: number; examples: number[] }[] = []
  const longestFirst = lengths.map((_, i) => i).sort((a, b) => lengths[b]! - lengths[a]! || a - b)
  for (const i of longestFirst) {
    const length = lengths[i]!
    let best: (typeof rows)[number] | undefined
    for (const row of rows) if (row.room >= length && row.room < (best?.room ?? Infinity)) best = row
    if (!best) rows.push((best = { room: capacity, examples: [] }))
    best.room -= length
    best.examples.push(i)
  }
  return rows.map((row) => row.examples.sort((a, b) => a - b)).sort((a, b) => a[0]! - b[0]!)
}

/**
 * Refuses packing that the model cannot take.
 * @throws UsageError `packing-contaminates`, `bad-value`
 */
export function checkPacking(contract: Contract, { packing, capacity }: PackOptions): void {
  if (capacity === undefined) throw new UsageError('bad-value', 'packing needs the tokens of a row')
  if (contract.loss.kind !== 'causal-lm')
    throw new UsageError(
      'packing-contaminates',
      `a model with the loss ${contract.loss.kind} takes one example a row`,
    )
  if (packing === 'mixed' || masksPairs(contract)) return
  throw new UsageError(
    'packing-contaminates',
    'the model takes no mask of pairs [batch, 1, length, length], so examples packed into one row would see each other; ' +
      'leave packing out, allow it with "mixed", or export the model with a four-dimensional attention_mask',
  )
}
