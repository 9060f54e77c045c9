/** Finds the float weights of a graph under the names that their readers tell, and parts those that an exporter merged. */
import { prepareInitializer } from '../../src/infer.js'
import { Node, type Graph, type Value } from '../../src/ir.js'
import { outermost, topologicalOrder } from '../../src/order.js'
import { mayBeParameter } from '../canonical/constants.js'
import type { ClaimReader } from './claims.js'
import { isAngle } from './angles.js'
import { nameOfUnplaced } from './unplaced.js'
import { CONSTANT, group, isExact, type Claimed } from './grouping.js'
import type { Reading, Weight } from './weight.js'

/**
 * The weights of a graph, in the order of its initializers. An initializer that stands for several weights of equal values
 * is split: each has its own value afterwards.
 */
export function readWeights(graph: Graph, reader: ClaimReader, notes: string[]): Weight[] {
  const position = new Map(topologicalOrder(graph).map((node, i) => [node, i]))
  const weights: Weight[] = []
  for (const value of [...graph.initializers]) {
    if (!mayBeParameter(value)) continue
    const at = ({ node }: Reading): number => position.get(outermost(node))!
    const readings = readingsOf(value).sort((a, b) => at(a) - at(b))
    weights.push(...weightsOf(value, readings, reader, notes))
  }
  return weights
}

/** Places that read a value, in nested graphs too. */
function readingsOf(value: Value): Reading[] {
  return [...value.uses].flatMap(({ user, index }) => (user instanceof Node ? [{ node: user, index }] : []))
}

function weightsOf(
  value: Value,
  readings: readonly Reading[],
  reader: ClaimReader,
  notes: string[],
): Weight[] {
  const own = reader.ownName(value)
  const claimed = readings.map((reading) => ({
    reading,
    claim: reader.claim(value, reading, own),
  }))
  const groups = group(claimed, value, own)
  if (groups.size === 0 && own !== undefined && !isBufferName(own) && !isAngle(value))
    groups.set(own, [...claimed])
  const unplaced = groups.size === 0 && own === undefined && nameOfUnplaced(value, readings)
  if (unplaced) groups.set(unplaced, [...claimed])
  const kept = own !== undefined && groups.has(own) ? own : [...groups.keys()][0]
  const weights: Weight[] = []
  for (const [name, members] of groups) {
    const part = name === kept ? value : partOff(value, name, members)
    if (!isBuffer(name, members))
      weights.push(weightOf(name, part, members, { source: value, own, isSplit: groups.size > 1 }))
  }
  const names = [...groups.keys()].filter((name) => name !== CONSTANT)
  if (names.length > 1) notes.push(splitNote(value, names))
  return weights
}

/** What a weight was made from. */
interface Origin {
  readonly source: Value
  readonly own: string | undefined
  readonly isSplit: boolean
}

function weightOf(
  name: string,
  value: Value,
  members: readonly Claimed[],
  { source, own, isSplit }: Origin,
): Weight {
  const readings = members.map((m) => m.reading)
  const folded = own === undefined
  return {
    name,
    value,
    initializer: source.name,
    folded,
    transposed: folded && value.data!.shape.length === 2 && readings.some(multipliesRight),
    uses: isSplit ? readings.map((r) => r.node.name) : undefined,
    aliases: new Set(),
    copies: [],
    readings,
    exact: isExact(members),
  }
}

function isBuffer(name: string, members: readonly Claimed[]): boolean {
  return (
    name === CONSTANT || members.some((m) => m.claim?.isBuffer) || (isBufferName(name) && !isExact(members))
  )
}

/** Linear weights are stored as [out, in]; an exporter folds the transposition for `x · W`. */
function multipliesRight({ node, index }: Reading): boolean {
  return index === 1 && (node.op === 'MatMul' || (node.op === 'Gemm' && node.int('transB', 0) === 0))
}

function partOff(value: Value, name: string, members: readonly Claimed[]): Value {
  const part = value.owner!.addInitializer(name, value.data!)
  prepareInitializer(part)
  for (const { reading } of members) reading.node.setInput(reading.index, part)
  return part
}

function splitNote(value: Value, names: readonly string[]): string {
  const shown = names.slice(0, 3).join(', ')
  const more = names.length > 3 ? ` and ${names.length - 3} more` : ''
  return `initializer ${value.name} was split: the exporter merged ${names.length} weights of equal values (${shown}${more})`
}

const BUFFERS = new Set(
  'running_mean running_var inv_freq original_inv_freq final_logits_bias masked_bias alibi slopes cos_cached sin_cached cos_cache sin_cache'.split(
    ' ',
  ),
)

/** Whether PyTorch models use this name for what they do not train. */
function isBufferName(name: string): boolean {
  return BUFFERS.has(name.slice(name.lastIndexOf('.') + 1))
}
