/** What is known of a mask over (query i, key j) as a predicate; the logic of it. */

/**
 * - `all`, `none`: true, or false, everywhere
 * - `causal`: true exactly where j ≤ i; `later`: exactly where j > i
 * - `within`: false at least where j > i; `beyond`: true at least where j > i
 */
export type Predicate = 'all' | 'none' | 'causal' | 'later' | 'within' | 'beyond' | 'unknown'

const NOT: Record<Predicate, Predicate> = {
  all: 'none',
  none: 'all',
  causal: 'later',
  later: 'causal',
  within: 'beyond',
  beyond: 'within',
  unknown: 'unknown',
}

export function not(p: Predicate): Predicate {
  return NOT[p]
}

export function and(p: Predicate, q: Predicate): Predicate {
  if (p === q || q === 'all') return p
  if (p === 'all') return q
  if (p === 'none' || q === 'none') return 'none'
  const hidesLater = [p, q].some((x) => x === 'causal' || x === 'within')
  return hidesLater ? 'within' : 'unknown'
}

export function or(p: Predicate, q: Predicate): Predicate {
  return not(and(not(p), not(q)))
}

/** The predicate j ≤ i + k. */
export function upTo(k: number): Predicate {
  return k === 0 ? 'causal' : k < 0 ? 'within' : 'unknown'
}
