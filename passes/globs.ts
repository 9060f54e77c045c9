/** Globs over dotted names, as `--train`, `--freeze`, `--sites` and `--outputs` take them. */
import picomatch from 'picomatch'
import { UsageError } from '../src/errors.js'

/** What a flag selects. */
export interface Selection {
  /** Whether the flag was given at all. */
  readonly isGiven: boolean
  /** The glob that matches a name, if one does. */
  match(name: string): string | undefined
}

/**
 * Compiles the globs of a flag: repeated, or separated by commas. `*` crosses dots; a plain name stands for all that lies
 * in that module, too.
 * @param what `parameter`, `site` or `output`, for messages and the error's code
 * @throws UsageError `no-such-parameter`, `no-such-site`, `no-such-output` where a glob matches none of `names`
 */
export function selection(
  flag: string,
  what: 'parameter' | 'site' | 'output',
  globs: readonly string[],
  names: readonly string[],
): Selection {
  const patterns = globs
    .flatMap(splitCommas)
    .map((glob) => ({ glob, test: picomatch([glob, `${glob}.*`], { dot: true }) }))
  for (const { glob, test } of patterns) {
    if (names.some((name) => test(name))) continue
    const near = nearest(glob, names)
      .map((n) => `"${n}"`)
      .join(', ')
    throw new UsageError(
      `no-such-${what}`,
      `${flag} "${glob}" matches none of the model's ${names.length} ${what}s${near ? `; did you mean ${near}?` : '.'} --dry-run lists them all`,
    )
  }
  return { isGiven: patterns.length > 0, match: (name) => patterns.find((p) => p.test(name))?.glob }
}

/** Splits at commas outside braces. */
function splitCommas(text: string): string[] {
  const parts = ['']
  let depth = 0
  for (const c of text) {
    if (c === ',' && depth === 0) parts.push('')
    else parts[parts.length - 1] += c
    if (c === '{') depth++
    if (c === '}') depth--
  }
  return parts.map((p) => p.trim()).filter((p) => p !== '')
}

const SUGGESTIONS = 3

/** The names most like a glob. */
function nearest(glob: string, names: readonly string[]): string[] {
  const wanted = glob.replaceAll('*', '')
  const scored = names.map((name) => ({
    name,
    distance: distance(wanted, name) - (name.includes(wanted) ? name.length : 0),
  }))
  return scored
    .sort((a, b) => a.distance - b.distance)
    .slice(0, SUGGESTIONS)
    .map((s) => s.name)
}

/** Edit distance (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    }
    row = next
  }
  return row[b.length]!
}
