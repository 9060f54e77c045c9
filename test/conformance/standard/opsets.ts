/** Which cases are written in a supported opset, or might as well be. */
import { NEWEST_OPSET, OLDEST_OPSET } from '../../../passes/canonical/opset.js'
import type { Schema } from './cases.js'

/** Operators that mean something else since an opset, in the same form. */
const CHANGED: Readonly<Record<string, number>> = { PRelu: 7 }

/** Operators of the default domain by name, newest version last. */
export class Opsets {
  private readonly versions = new Map<string, Schema[]>()

  constructor(schemas: readonly Schema[]) {
    for (const schema of schemas.filter((s) => s.domain === '').toSorted((a, b) => a.since - b.since)) {
      const known = this.versions.get(schema.name)
      if (known) known.push(schema)
      else this.versions.set(schema.name, [schema])
    }
  }

  /** Names of the default domain's operators that are defined, and not deprecated, in a supported opset. */
  get supported(): string[] {
    return [...this.versions.keys()].filter((name) =>
      [OLDEST_OPSET, NEWEST_OPSET].some((opset) => this.at(name, opset)?.deprecated === false),
    )
  }

  /**
   * The supported opset that a model of these operators can be read in: its own, or the nearest one where all operators
   * have the same form in it. Else why there is none.
   */
  nearest(opset: number, operators: readonly string[]): number | string {
    const nearest = Math.min(Math.max(opset, OLDEST_OPSET), NEWEST_OPSET)
    if (nearest === opset) return opset
    for (const name of operators.filter((op) => this.versions.has(op))) {
      const [own, other] = [this.at(name, opset), this.at(name, nearest)]
      if (!other)
        return `${name} is defined since opset ${own?.since}; opsets to ${NEWEST_OPSET} are supported`
      const changed = CHANGED[name]
      if (changed && opset < changed && nearest >= changed)
        return `${name} means something else since opset ${changed}`
      if (own?.form !== other.form || own.deprecated !== other.deprecated)
        return `${name} has another form in opset ${opset} than in ${nearest}, the nearest one that is supported`
    }
    return nearest
  }

  private at(name: string, opset: number): Schema | undefined {
    return this.versions.get(name)?.findLast((s) => s.since <= opset)
  }
}
