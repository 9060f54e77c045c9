/** Packing: several short examples in one row. */

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
