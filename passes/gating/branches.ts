/** Building `If` nodes: nodes move into `then`, and what is read outside becomes a result of both branches. */
import { Builder } from '../../src/builder.js'
import { Graph, Node, Value, type Model, type Use } from '../../src/ir.js'
import type { OpTable } from '../../src/op.js'
import { reads } from '../../src/order.js'
import { Tensor } from '../../src/tensor.js'
import { prepareInitializer } from '../../src/infer.js'
import type { TensorType } from '../../src/types.js'
import type { Condition } from '../condition.js'

/** One result of an `If`: what each branch returns. */
export interface BranchResult {
  readonly then: Value
  readonly else: Value
}

/** Makes `If` nodes, the values of their conditions, and empty tensors. */
export class Branches {
  private readonly conditions = new Map<Condition, Value>()
  private readonly empties = new Map<string, Value>()
  private readonly b: Builder

  constructor(
    private readonly model: Model,
    private readonly table: OpTable,
    private readonly gates: readonly Value[],
  ) {
    this.b = new Builder(model, model.graph, table)
  }

  /** An emitter into a branch graph. */
  builder(graph: Graph): Builder {
    return new Builder(this.model, graph, this.table)
  }

  /**
   * Adds `If(condition)` to the main graph.
   * @returns the outer values, in the order of `results`
   */
  makeIf(
    name: string,
    condition: Value,
    then: Graph,
    other: Graph,
    results: readonly BranchResult[],
  ): Value[] {
    for (const r of results) {
      then.setOutput(then.outputs.length, this.own(then, r.then))
      other.setOutput(other.outputs.length, this.own(other, r.else))
    }
    const outputs = results.map((r) => new Value(r.then.name, r.then.type))
    const node = new Node('If', [condition], outputs, [
      ['then_branch', { type: 'graph', value: then }],
      ['else_branch', { type: 'graph', value: other }],
    ])
    node.name = name
    this.model.graph.addNode(node)
    return outputs
  }

  /** A value that a branch may return: one of its own, once. ONNX forbids returning an outer value directly. */
  private own(graph: Graph, value: Value): Value {
    if (value.producer?.graph === graph && !graph.outputs.includes(value)) return value
    return this.builder(graph).emit('Identity', [value], {}, { name: value.name })
  }

  /** An outer empty tensor of this rank, `[0, …]` with the static dimensions after the first. */
  empty(type: TensorType): Value {
    const shape = (type.shape ?? []).map((d, i) => (i === 0 ? 0 : (d.constant ?? 1)))
    const dims = shape.length === 0 ? [0] : shape
    const key = `${type.dtype}[${dims}]`
    const old = this.empties.get(key)
    if (old?.owner) return old
    const value = this.model.graph.addInitializer('empty', Tensor.of(type.dtype, dims, []))
    prepareInitializer(value)
    this.empties.set(key, value)
    return value
  }

  /** The bool that a condition is at run time; formulas share what they have in common. */
  value(condition: Condition): Value {
    const pending = [condition]
    for (let at = pending.at(-1); at; at = pending.at(-1)) {
      const parts = [at.split!.with, at.split!.without].filter((c) => c.split && !this.conditions.has(c))
      pending.push(...parts)
      if (parts.length > 0) continue
      pending.pop()
      if (!this.conditions.has(at)) this.conditions.set(at, this.emitCondition(at))
    }
    return this.conditions.get(condition)!
  }

  /** without ∨ (gate ∧ with) */
  private emitCondition(condition: Condition): Value {
    const { gate, with: above, without: below } = condition.split!
    let value = this.gates[gate]!
    if (above.split) value = this.b.emit('And', [this.conditions.get(above)!, value], {}, { name: 'both' })
    if (below.split) value = this.b.emit('Or', [this.conditions.get(below)!, value], {}, { name: 'any' })
    return value
  }
}

/** Moves nodes from their graph into another; operands and uses stay. */
export function moveNodes(nodes: readonly Node[], to: Graph): void {
  for (const node of nodes) {
    node.graph!.detachNode(node)
    to.addNode(node)
  }
}

/** Uses of a value by readers outside `inside`. */
export function usesOutside(value: Value, inside: ReadonlySet<Node>): Use[] {
  return [...value.uses].filter(({ user }) => {
    const reader = user instanceof Node ? user : user.owner
    return !reader || !isInside(reader, inside)
  })
}

function isInside(node: Node, inside: ReadonlySet<Node>): boolean {
  for (let n: Node | null = node; n; n = n.graph?.owner ?? null) if (inside.has(n)) return true
  return false
}

/** Values from outside a set of nodes that it reads. */
export function boundary(nodes: ReadonlySet<Node>): Set<Value> {
  const values = new Set<Value>()
  for (const node of nodes)
    for (const v of reads(node)) if (!v.producer || !nodes.has(v.producer)) values.add(v)
  return values
}
