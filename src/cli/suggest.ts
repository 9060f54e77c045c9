/** Suggestions for mistyped words. */

/** The nearest of `words`, where one is near enough to be what was meant. */
function nearest(word: string, words: readonly string[]): string | undefined {
  let best: string | undefined
  let least = Math.max(1, Math.floor(word.length / 3)) + 1
  for (const candidate of words) {
    const d = candidate.startsWith(word) && word.length > 1 ? 1 : distance(word, candidate)
    if (d < least) [best, least] = [candidate, d]
  }
  return best
}

/** `; did you mean X?`, or nothing. */
export function didYouMean(word: string, words: readonly string[], prefix = ''): string {
  const found = nearest(word, words)
  return found === undefined ? '' : `; did you mean ${prefix}${found}?`
}

/** Edits (insertion, deletion, substitution, swap of neighbours) between two words. */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1
      let d = Math.min(rows[i - 1]![j]! + 1, row[j - 1]! + 1, rows[i - 1]![j - 1]! + change)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        d = Math.min(d, rows[i - 2]![j - 2]! + 1)
      row.push(d)
    }
    rows.push(row)
  }
  return rows[a.length]![b.length]!
}
