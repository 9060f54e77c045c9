/** Structural checks of the IR: scopes, producers, use lists, acyclicity. */
import { CompileError } from './errors.js'
import { Graph, Node, type Model, type Use, type Value } from './ir.js'
import { allGraphs, isVisible, topologicalOrder } from './order.js'

/**
 * Checks a model's graphs.
 * @param after names what ran last, for the message
 * @throws CompileError `invalid-graph`
 */
export function verify(model: Model, after: string): void {
  const problems = [...findProblems(model)]
  if (problems.length === 0) return
  const more = problems.length > 5 ? `; and ${problems.length - 5} more` : ''
  throw new CompileError('invalid-graph', `after ${after}: ${problems.slice(0, 5).join('; ')}${more}`)
}

function* findProblems(model: Model): Generator<string> {
  for (const graph of allGraphs(model.graph)) {
    yield* checkScopes(graph)
    for (const value of declared(graph)) yield* checkUses(value)
    topologicalOrder(graph)
  }
}

function declared(graph: Graph): Value[] {
  return [...graph.inputs, ...graph.initializers, ...[...graph.nodes].flatMap((n) => n.outputs)]
}

function* checkScopes(graph: Graph): Generator<string> {
  const visible = (value: Value): boolean => isVisible(value, graph)
  for (const node of graph.nodes) {
    if (node.graph !== graph) yield `node "${node.name}" (${node.op}) does not know its graph`
    for (const [i, v] of node.inputs.entries()) {
      if (v && !visible(v)) yield `input ${i} "${v.name}" of node "${node.name}" (${node.op}) is not in scope`
    }
    for (const v of node.outputs)
      if (v.producer !== node) yield `output "${v.name}" of node "${node.name}" has another producer`
  }
  for (const v of graph.outputs)
    if (!v || !visible(v)) yield `result "${v?.name}" of graph "${graph.name}" is not in scope`
}

function* checkUses(value: Value): Generator<string> {
  for (const use of value.uses) {
    if (!readsBack(use, value)) yield `"${value.name}" lists a use that does not read it`
    if (use.user instanceof Node && !use.user.graph)
      yield `"${value.name}" is read by the removed node "${use.user.name}"`
  }
}

function readsBack(use: Use, value: Value): boolean {
  return (use.user instanceof Graph ? use.user.outputs : use.user.inputs)[use.index] === value
}
