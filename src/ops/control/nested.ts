/** Nested graphs of control-flow operators: what a backward graph reads of its forward one, and results. */
import { Graph, Node, Value, type Model } from '../../ir.js'
import type { Builder } from '../../builder.js'
import { allGraphs, homeOf } from '../../order.js'
import type { Dim } from '../../types.js'

/** The nested graph in an attribute, where there is one. */
export function bodyOf(node: Node, name = 'body'): Graph | undefined {
  const attribute = node.attributes.get(name)
  return attribute?.type === 'graph' ? attribute.value : undefined
}

/** Whether a value lives in a graph or in one nested below it. */
function isWithin(value: Value, graph: Graph): boolean {
  for (let g = homeOf(value); g; g = g.owner?.graph ?? null) if (g === graph) return true
  return false
}

/** Whether a dimension is known around a graph: nothing that it is made of is read off a value of the graph. */
export function isKnownAround(dim: Dim, graph: Graph, model: Model): boolean {
  const isOuter = (name: string): boolean => {
    const source = model.dimSources.get(name)
    return source !== undefined && !isWithin(source.value, graph)
  }
  return dim.fold<boolean>({
    constant: () => true,
    atom: isOuter,
    add: (a, b) => a && b,
    mul: (a, b) => a && b,
    call: (_fn, a, b) => a && b,
  })
}

/** Makes a graph return `value`: one of its own nodes' outputs, once. ONNX forbids returning an outer value directly. */
export function addResult(graph: Graph, value: Value, b: Builder): void {
  const own = value.producer?.graph === graph && !graph.outputs.includes(value)
  const result = own ? value : b.emit('Identity', [value], {}, { name: value.name || 'result' })
  graph.setOutput(graph.outputs.length, result)
}

/**
 * Makes a backward graph read a forward one's values through `expose`, which is asked once a value, and may emit nodes into
 * the backward graph that read the forward one themselves. Constants of the forward graph move to the main graph instead.
 */
export function readThrough(forward: Graph, backward: Graph, main: Graph, expose: (v: Value) => Value): void {
  const exposed = new Map<Value, Value>()
  const reads = (): Read[] =>
    usersIn(backward).flatMap((user) => [...readsOf(user)].filter(({ value }) => homeOf(value) === forward))
  for (let open = reads(); open.length > 0; open = reads())
    for (const { user, index, value } of open) {
      if (value.isInitializer) {
        moveToMain(value, main)
        continue
      }
      const outer = exposed.get(value) ?? expose(value)
      exposed.set(value, outer)
      if (user instanceof Node) user.setInput(index, outer)
      else user.setOutput(index, outer)
    }
}

/** One operand of a node, or result of a graph. */
interface Read {
  readonly user: Node | Graph
  readonly index: number
  readonly value: Value
}

function* readsOf(user: Node | Graph): Iterable<Read> {
  const operands = user instanceof Node ? user.inputs : user.outputs
  for (const [index, value] of operands.entries()) if (value) yield { user, index, value }
}

function usersIn(graph: Graph): (Node | Graph)[] {
  return allGraphs(graph).flatMap((g) => [...g.nodes, g])
}

function moveToMain(value: Value, main: Graph): void {
  if (value.owner === main) return
  value.owner!.initializers.delete(value)
  main.addInitializer(value)
}
