/** Monotone formulas over gates: when a backward value is present, and when a backward node has to run. */

/**
 * A disjunction of conjunctions of gates, without negation. A conjunction is a bit set over gate numbers; none of them
 * contains another (absorption), and they are sorted, so that equal formulas have equal terms.
 */
export class Condition {
  readonly key: string

  private constructor(readonly terms: readonly bigint[]) {
    this.key = terms.map((t) => t.toString(36)).join('|')
  }

  static readonly never = new Condition([])
  static readonly always = new Condition([0n])

  /** True where gate number `index` is open. */
  static gate(index: number): Condition {
    return new Condition([1n << BigInt(index)])
  }

  get isAlways(): boolean {
    return this.terms[0] === 0n
  }

  get isNever(): boolean {
    return this.terms.length === 0
  }

  or(other: Condition): Condition {
    if (this.implies(other)) return other
    if (other.implies(this)) return this
    return reduced([...this.terms, ...other.terms])
  }

  /** True where one of them is; the same as `or` after `or`, in one go. */
  static any(conditions: Iterable<Condition>): Condition {
    const distinct = new Set(conditions)
    if (distinct.has(Condition.always)) return Condition.always
    if (distinct.size < 2) return [...distinct][0] ?? Condition.never
    return reduced([...distinct].flatMap((c) => c.terms))
  }

  and(other: Condition): Condition {
    if (this.implies(other)) return this
    if (other.implies(this)) return other
    return reduced(this.terms.flatMap((a) => other.terms.map((b) => a | b)))
  }

  /** Whether `other` is true wherever this is. */
  implies(other: Condition): boolean {
    return this === other || this.terms.every((a) => other.terms.some((b) => (a & b) === b))
  }

  equals(other: Condition): boolean {
    return this.key === other.key
  }

  /** Gate numbers of each conjunction, ascending. */
  gates(): number[][] {
    return this.terms.map((term) => {
      const found: number[] = []
      for (let rest = term, i = 0; rest > 0n; rest >>= 1n, i++) if (rest & 1n) found.push(i)
      return found
    })
  }

  /** Builds from terms that are reduced already; for this module only. */
  static ofTerms(terms: readonly bigint[]): Condition {
    return new Condition(terms)
  }
}

/** Drops conjunctions that a weaker one covers, and sorts. */
function reduced(terms: bigint[]): Condition {
  const sorted = [...new Set(terms)].sort((a, b) => (a < b ? -1 : 1))
  // A subset of a bit set is a smaller number, so it stands before.
  const kept: bigint[] = []
  for (const t of sorted) if (!kept.some((k) => (t & k) === k)) kept.push(t)
  return Condition.ofTerms(kept)
}
