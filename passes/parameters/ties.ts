/** Weights that the source framework ties: one value in the graph, under the name that was registered first. */
import { commonScope, isWithin, moduleScope } from '../scopes.js'
import { isEqual, isTransposed } from './data.js'
import { attributeOf, moduleOf } from './spelling.js'
import type { BuilderFor, Reading, Weight } from './weight.js'

/** Joins weights of one name, and stored transposed copies of tables; returns those that remain. */
export function restoreTies(weights: readonly Weight[], builder: BuilderFor, notes: string[]): Weight[] {
  const joined: Weight[] = []
  for (const same of byName(weights).values()) joined.push(...joinSameName(same, builder, notes))
  return joinTransposedTables(joined, builder)
}

function byName(weights: readonly Weight[]): Map<string, Weight[]> {
  const groups = new Map<string, Weight[]>()
  for (const w of weights) groups.set(w.name, [...(groups.get(w.name) ?? []), w])
  return groups
}

/** The framework's layout comes first; weights that differ although named alike get names of their own. */
function joinSameName(same: readonly Weight[], builder: BuilderFor, notes: string[]): Weight[] {
  const [first, ...others] = [...same].sort((x, y) => Number(x.transposed) - Number(y.transposed))
  const kept = [first!]
  for (const other of others) {
    const match = kept.find((w) => holdSame(w, other))
    if (match) join(match, other, builder)
    else {
      other.name = `${other.name}.${kept.length}`
      kept.push(other)
      notes.push(`initializer ${other.initializer} is called ${other.name}: ${first!.name} has other values`)
    }
  }
  return kept
}

function holdSame(a: Weight, c: Weight): boolean {
  const [x, y] = [a.value.data!, c.value.data!]
  return a.transposed === c.transposed ? isEqual(x, y) : isTransposed(x, y)
}

/** Without traced calls, a folded head tells its tie to the embedding by its data alone. */
function joinTransposedTables(weights: readonly Weight[], builder: BuilderFor): Weight[] {
  const tables = weights.filter(
    (w) => !w.transposed && w.value.data!.shape.length === 2 && w.readings.some(isLookup),
  )
  return weights.filter((copy) => {
    const table = copy.transposed && tables.find((t) => isTransposed(t.value.data!, copy.value.data!))
    if (table) join(table, copy, builder)
    return !table
  })
}

/** Whether a reading looks rows of a table up. */
export function isLookup({ node, index }: Reading): boolean {
  return node.op === 'Gather' && index === 0
}

/** Makes the readers of `other` read `into`. */
function join(into: Weight, other: Weight, builder: BuilderFor): void {
  if (other.name !== into.name) into.aliases.add(other.name)
  into.copies.push(other.initializer)
  for (const alias of [other.initializer, ...other.aliases]) into.aliases.add(alias)
  into.readings.push(...other.readings)
  const [first] = other.readings
  const view =
    first && into.transposed !== other.transposed ? builder(first).transpose(into.value, [1, 0]) : into.value
  other.value.replaceAllUsesWith(view)
  other.value.owner!.removeInitializer(other.value)
}

/** What was tied again, for the report. */
export function tieNotes(weights: readonly Weight[]): string[] {
  return weights.flatMap(({ name, copies, initializer }) =>
    copies.map((copy) => `${name} is tied again: the exporter stored it as ${initializer} and as ${copy}`),
  )
}

/** Gives tied weights the name that the framework registered first; the dynamo exporter keeps the last. */
export function nameTies(weights: readonly Weight[]): void {
  const taken = new Set(weights.map((w) => w.name))
  const rename = (weight: Weight, name: string): void => {
    if (taken.has(name)) return
    taken.add(name)
    weight.aliases.add(weight.name)
    weight.aliases.delete(name)
    weight.name = name
  }
  for (const weight of weights) if (weight.exact) rename(weight, registeredName(weight))
  for (const weight of weights) {
    const bias = weight.exact && biasOfTiedHead(weight, weights)
    if (bias) rename(weight, bias)
  }
}

/** BERT registers the bias of its tied head one level up: in the head, not in the model. */
function biasOfTiedHead({ name }: Weight, weights: readonly Weight[]): string | undefined {
  const head = /^(.+)\.decoder\.bias$/.exec(name)?.[1]
  if (head === undefined || weights.every((w) => isWithin(moduleOf(w.name), head))) return undefined
  const matrix = `${head}.decoder.weight`
  const isTied = weights.some(
    (w) => (w.name === matrix || w.aliases.has(matrix)) && w.readings.some(isLookup),
  )
  return isTied ? `${head}.bias` : undefined
}

function registeredName({ name, readings }: Weight): string {
  const tables = [...new Set(readings.filter(isLookup).map(({ node }) => moduleScope(node) ?? ''))]
  if (tables.length > 1 && tables.every((scope) => attributeOf(scope) === 'embed_tokens')) {
    const common = tables.reduce(commonScope)
    return `${common ? `${common}.` : ''}shared.weight`
  }
  const scopes = [...new Set(readings.flatMap(({ node }) => moduleScope(node) ?? []))]
  const [first] = scopes
  const isElsewhere = (scope: string): boolean =>
    !isWithin(moduleOf(name), scope) && !isWithin(scope, moduleOf(name))
  if (first && isElsewhere(first)) return `${first}.${attributeOf(name)}`
  // Where the last one registered is the table, its head was registered before.
  const head = readings.some(isLookup)
    ? scopes.find((scope) => scope !== '' && isElsewhere(scope))
    : undefined
  return head ? `${head}.${attributeOf(name)}` : name
}
