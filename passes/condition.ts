/** Monotone formulas over gates: when a backward value is present, and when a backward node has to run. */

/** What is below a formula's highest gate: the conjunctions that hold that gate, without it, and those that do not. */
interface Split {
  readonly gate: number
  readonly with: Condition
  readonly without: Condition
}

/**
 * A disjunction of conjunctions of gates, without negation; none of the conjunctions contains another (absorption). It is
 * kept as a zero-suppressed decision diagram of its conjunctions, highest gate first (Minato, "Zero-suppressed BDDs for set
 * manipulation in combinatorial problems", DAC 1993): the disjunctions of the first k gates, which the cotangents of a
 * residual stream need for every k, are one node each. Of one `Conditions`, equal formulas are the same object.
 */
export class Condition {
  private requires: readonly number[] | undefined

  private constructor(
    /** Position in the order of creation. */
    readonly id: number,
    /** How many conjunctions there are. */
    readonly size: number,
    readonly split: Split | undefined,
    private readonly home: Conditions | undefined,
  ) {}

  static readonly never = new Condition(0, 0, undefined, undefined)
  static readonly always = new Condition(1, 1, undefined, undefined)

  get isAlways(): boolean {
    return this === Condition.always
  }

  get isNever(): boolean {
    return this === Condition.never
  }

  or(other: Condition): Condition {
    return this.home && other.home ? this.home.or(this, other) : either(this, other)
  }

  /** True where one of them is. Lower formulas first: then a gate above all of them joins in constant time. */
  static any(conditions: Iterable<Condition>): Condition {
    const sorted = [...new Set(conditions)].sort((a, b) => top(a) - top(b))
    return sorted.reduce((a, b) => a.or(b), Condition.never)
  }

  and(other: Condition): Condition {
    if (this.implies(other)) return this
    if (other.implies(this)) return other
    return this.home!.and(this, other)
  }

  /** Whether `other` is true wherever this is. */
  implies(other: Condition): boolean {
    if (this === other || this.isNever || other.isAlways) return true
    return this.home !== undefined && other.home !== undefined && this.home.covers(other, this)
  }

  /** Gates that are in every conjunction, so that this is false where one of them is closed; highest first. */
  get required(): readonly number[] {
    return (this.requires ??= this.findRequired())
  }

  private findRequired(): readonly number[] {
    if (!this.split) return []
    const { gate, with: above, without: below } = this.split
    if (below.isNever) return [gate, ...above.required]
    return above.required.length === 0 ? [] : above.required.filter((g) => below.required.includes(g))
  }

  /** Gate numbers of each conjunction, ascending; conjunctions without the highest gates first. */
  *conjunctions(): Generator<number[]> {
    const pending: { rest: Condition; gates: number[] }[] = [{ rest: this, gates: [] }]
    for (let item = pending.pop(); item; item = pending.pop()) {
      let { rest } = item
      for (; rest.split; rest = rest.split.without)
        pending.push({ rest: rest.split.with, gates: [...item.gates, rest.split.gate] })
      if (rest.isAlways) yield item.gates.toReversed()
    }
  }

  /** Gate numbers of each conjunction. */
  gates(): number[][] {
    return [...this.conjunctions()]
  }

  /** For `Conditions` only, which keeps equal ones from being made twice. */
  static of(id: number, split: Split, home: Conditions): Condition {
    return new Condition(id, split.with.size + split.without.size, split, home)
  }
}

/** Formulas over one set of gates. */
export class Conditions {
  private readonly made = new Map<string, Condition>()
  private readonly results = new Map<string, Condition | boolean>()

  /** True where gate number `index` is open. */
  gate(index: number): Condition {
    return this.join(index, Condition.always, Condition.never)
  }

  /** The conjunctions of both, but for those that contain another. */
  or(f: Condition, g: Condition): Condition {
    if (f === g || !f.split || !g.split) return either(f, g)
    if (top(f) < top(g)) return this.or(g, f)
    return this.once('|', f, g, () => {
      const { gate, with: above, without: below } = f.split!
      if (gate > top(g)) return this.absorbing(gate, above, this.or(below, g))
      return this.absorbing(gate, this.or(above, g.split!.with), this.or(below, g.split!.without))
    })
  }

  /** The unions of a conjunction of each, but for those that contain another. */
  and(f: Condition, g: Condition): Condition {
    if (f === g || f.isNever || g.isAlways) return f
    if (g.isNever || f.isAlways) return g
    if (top(f) < top(g)) return this.and(g, f)
    return this.once('&', f, g, () => {
      const { gate, with: above, without: below } = f.split!
      if (gate > top(g)) return this.absorbing(gate, this.and(above, g), this.and(below, g))
      const other = g.split!
      const both = this.or(this.and(above, this.or(other.with, other.without)), this.and(below, other.with))
      return this.absorbing(gate, both, this.and(below, other.without))
    })
  }

  /** The conjunctions of `f` that contain none of `g`'s. */
  except(f: Condition, g: Condition): Condition {
    if (f.isAlways) return g.isAlways ? Condition.never : f
    // What holds a gate above all of f's is in none of f's conjunctions.
    while (g.split && g.split.gate > top(f)) g = g.split.without
    if (f.isNever || g.isNever) return f
    if (f === g || g.isAlways) return Condition.never
    return this.once('-', f, g, () => {
      const { gate, with: above, without: below } = f.split!
      if (gate > top(g)) return this.join(gate, this.except(above, g), this.except(below, g))
      const { with: more, without: less } = g.split!
      return this.join(gate, this.except(this.except(above, less), more), this.except(below, less))
    })
  }

  /** Whether every conjunction of `f` contains one of `g`'s. */
  covers(g: Condition, f: Condition): boolean {
    while (g.split && g.split.gate > top(f)) g = g.split.without
    if (f.isNever || g.isAlways || f === g) return true
    if (f.isAlways || g.isNever) return false
    return this.once('<', f, g, () => {
      const { gate, with: above, without: below } = f.split!
      const { with: more, without: less } = gate === top(g) ? g.split! : { with: g, without: g }
      return this.covers(this.or(more, less), above) && this.covers(less, below)
    })
  }

  /** `below`, or the gate and `above` where `below` does not cover that. */
  private absorbing(gate: number, above: Condition, below: Condition): Condition {
    return this.join(gate, this.except(above, below), below)
  }

  private join(gate: number, above: Condition, below: Condition): Condition {
    if (above.isNever) return below
    const key = `${gate} ${above.id} ${below.id}`
    const old = this.made.get(key)
    if (old) return old
    const made = Condition.of(this.made.size + 2, { gate, with: above, without: below }, this)
    this.made.set(key, made)
    return made
  }

  private once<T extends Condition | boolean>(
    operation: string,
    f: Condition,
    g: Condition,
    compute: () => T,
  ): T {
    const key = `${f.id}${operation}${g.id}`
    let result = this.results.get(key) as T | undefined
    if (result === undefined) this.results.set(key, (result = compute()))
    return result
  }
}

/** The highest gate; −1 where there is none. */
function top(f: Condition): number {
  return f.split?.gate ?? -1
}

/** The disjunction where one of them is always or never, or they are the same. */
function either(f: Condition, g: Condition): Condition {
  return f.isAlways || g.isNever ? f : g
}
