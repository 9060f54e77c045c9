/** Which readings of an initializer read the same weight. */
import type { Value } from '../../src/ir.js'
import { placeholders } from '../scopes.js'
import type { Claim, Reading } from './weight.js'
import { isUniform } from './data.js'

/** A reading with what it claims. */
export interface Claimed {
  readonly reading: Reading
  readonly claim: Claim | undefined
}

/** Stands for a name where readings read a constant that merely has the values of a weight. */
export const CONSTANT = 'constant'

/** Whether the export itself tells the name. */
export function isExact(members: readonly Claimed[]): boolean {
  return members.some((m) => m.claim?.exact)
}

/** Readings by the name of the weight that they read; none where nothing tells a name. */
export function group(
  claimed: readonly Claimed[],
  value: Value,
  own: string | undefined,
): Map<string, Claimed[]> {
  const groups = new Map<string, Claimed[]>()
  const exact = isExact(claimed)
  const names = namesOf(exact ? claimed.filter((m) => m.claim?.exact) : claimed)
  if (names.length === 0) return groups
  const main = own !== undefined && (names.includes(own) || !exact) ? own : names[0]!
  const tellApart = exact ? exactly(main, value) : suggested(main, namesOf(claimed), value, own)
  for (const member of claimed) {
    const name = tellApart(member)
    groups.set(name, [...(groups.get(name) ?? []), member])
  }
  return groups
}

function namesOf(claimed: readonly Claimed[]): string[] {
  return [...new Set(claimed.flatMap(({ claim }) => (claim ? [claim.name] : [])))]
}

/** Traced calls name the weights that they read; where equal values were merged, one that names none reads a constant. */
function exactly(main: string, value: Value): (member: Claimed) => string {
  return ({ reading, claim }) => {
    if (claim?.exact || (claim && wereMerged([main, claim.name], value))) return claim.name
    const isConstant = !claim && placeholders(reading.node) !== undefined && isUniform(value.data!)
    return isConstant ? CONSTANT : main
  }
}

/** Places suggest names; they differ for tied weights, too, and these stay together. */
function suggested(
  main: string,
  names: readonly string[],
  value: Value,
  own: string | undefined,
): (member: Claimed) => string {
  const knowsOwn = own === undefined || names.includes(own)
  const split = names.length > 1 && knowsOwn && wereMerged(names, value)
  return ({ claim }) => (split && claim ? claim.name : main)
}

/**
 * Whether different names stand for one initializer because an exporter merged equal values, rather than because the model
 * ties its weights: all elements are the same number, or the names differ in a layer number alone (copies of one layer).
 */
function wereMerged(names: readonly string[], value: Value): boolean {
  const patterns = new Set(names.map((n) => n.replace(/\d+/g, '#')))
  return patterns.size === 1 || isUniform(value.data!)
}
