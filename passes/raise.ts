/** Recognises what exporters decompose, and makes it one operator with a compact gradient. */
import { Builder } from '../src/builder.js'
import type { Graph, Model, Node } from '../src/ir.js'
import type { OpTable } from '../src/op.js'
import { allGraphs, removeDeadNodes, topologicalOrder } from '../src/order.js'
import { inheritFrom, replaceOutputOrCopy } from './canonical/replace.js'
import type { CompileContext, Declined, Pass } from './pass.js'
import { activationPattern } from './raising/activation.js'
import { attentionPattern } from './raising/attention.js'
import { normalizationBiasPattern, normalizationPattern } from './raising/normalization.js'
import { Unlike, type Pattern } from './raising/pattern.js'
import { rotaryPattern } from './raising/rotary.js'
import { swigluPattern } from './raising/swiglu.js'

export const raise: Pass = {
  name: 'raise',
  purpose: 'Makes one operator of each decomposed attention, normalisation, activation and rotary embedding.',
  needs: 'The canonical form, every value typed.',
  leaves:
    'The same function; composite operators of com.dropbp among the standard ones; what was left alone in ctx.declined.',
  run(ctx: CompileContext): void {
    ctx.declined.push(...raiseModel(ctx.model, ctx.table).declined)
  },
}

/** What raising found. */
export interface Raised {
  /** How many of each pattern, by its name. */
  readonly counts: Map<string, number>
  /** What looks like a pattern and was left alone, and why. */
  readonly declined: Declined[]
}

/** Raises every pattern of a model, in nested graphs too. */
export function raiseModel(model: Model, table: OpTable): Raised {
  const raised: Raised = { counts: new Map(), declined: [] }
  const patterns = [
    normalizationPattern,
    normalizationBiasPattern,
    activationPattern,
    swigluPattern,
    rotaryPattern,
    attentionPattern(),
  ]
  for (const node of allGraphs(model.graph).flatMap(topologicalOrder)) {
    for (const pattern of patterns) if (node.graph && tryPattern(pattern, node, model, table, raised)) break
  }
  removeDeadNodes(model.graph)
  return raised
}

function tryPattern(pattern: Pattern, node: Node, model: Model, table: OpTable, raised: Raised): boolean {
  const graph = node.graph!
  const b = new Builder(model, graph, table, inheritFrom(node))
  const found = pattern.match(node, b)
  if (found instanceof Unlike)
    raised.declined.push({ node, reason: `not raised to ${pattern.name}: ${found.reason}` })
  if (!found || found instanceof Unlike) return false
  replaceOutputOrCopy(node.output(), found, graph)
  removeChain(node, graph)
  raised.counts.set(pattern.name, (raised.counts.get(pattern.name) ?? 0) + 1)
  return true
}

/** Removes a node that nobody reads any more, and those before it that nobody else reads. */
function removeChain(last: Node, graph: Graph): void {
  const pending = [last]
  while (pending.length > 0) {
    const node = pending.pop()!
    if (node.graph !== graph || node.outputs.some((v) => v.uses.size > 0)) continue
    const producers = node.inputs.map((v) => v?.producer)
    graph.removeNode(node)
    for (const p of producers) if (p) pending.push(p)
  }
}
