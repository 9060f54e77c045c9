/** Names for the file: unique across the model's graphs, nested ones included, as ONNX Runtime wants them. */
import { type Graph, type Model, type Node, Value } from '../ir.js'
import { topologicalOrder } from '../order.js'
import type { GraphExtra } from './reader.js'

/** Hands out names that nothing else has. */
class NamePool {
  private readonly taken = new Set<string>()
  private readonly next = new Map<string, number>()

  /** The hint itself where it is free, else the hint with a number. */
  unique(hint: string): string {
    let name = hint
    if (this.taken.has(name)) {
      let n = this.next.get(hint) ?? 1
      for (; this.taken.has(name); n++) name = `${hint}_${n}`
      this.next.set(hint, n)
    }
    this.taken.add(name)
    return name
  }
}

/** The names that a model's values and nodes are written with. */
export class Names {
  private readonly values = new Map<Value, string>()
  private readonly nodes = new Map<Node, string>()
  private readonly valuePool = new NamePool()
  private readonly nodePool = new NamePool()

  /** Names a main graph or a function's body: first its inputs, results and initializers, which keep theirs. */
  constructor(graph: Graph) {
    for (const value of [...graph.inputs, ...graph.outputs, ...graph.initializers]) this.name(value)
    this.visit(graph)
  }

  /** The name of a value; '' for an absent output. */
  of(value: Value): string {
    const name = this.values.get(value)
    if (name === undefined) throw new Error(`value "${value.name}" belongs to no graph of the model`)
    return name
  }

  ofNode(node: Node): string {
    return this.nodes.get(node)!
  }

  /** A further name, for a value that exists in the file only. */
  fresh(hint: string): string {
    return this.valuePool.unique(hint)
  }

  private visit(graph: Graph): void {
    const sparse = ((graph.extra as GraphExtra | undefined)?.sparse ?? []).map((s) => s.value)
    for (const value of [...graph.inputs, ...graph.initializers, ...sparse]) this.name(value)
    for (const node of topologicalOrder(graph)) {
      for (const output of node.outputs) this.name(output)
      this.nodes.set(node, node.name === '' ? '' : this.nodePool.unique(node.name))
      for (const [, inner] of node.subgraphs) this.visit(inner)
    }
  }

  private name(value: Value): void {
    if (this.values.has(value)) return
    if (value.name === '' && value.uses.size === 0 && value.producer) this.values.set(value, '')
    else
      this.values.set(value, this.valuePool.unique(value.name || value.producer?.op.toLowerCase() || 'value'))
  }
}

/** The names that a model's main graph and everything nested in it are written with. */
export function assignNames(model: Model): Names {
  return new Names(model.graph)
}
