/** Backward `If`s: nodes of equal condition together; accumulators pass on what they have where a contribution is absent. */
import { Graph, Node, type Model, type Value } from '../../src/ir.js'
import type { OpTable } from '../../src/op.js'
import { ACCUMULATE, GATE, OR_ZERO } from '../../src/ops/dropbp.js'
import { Builder } from '../../src/builder.js'
import { Condition } from '../condition.js'
import { scheduleBatches, type Batch } from './batches.js'
import { redirect } from '../canonical/replace.js'
import { moveNodes, usesOutside, type Branches } from './branches.js'
import type { Execution } from './execution.js'

/** What a conditional value is where its condition is false: another value, a scalar zero, or (by default) empty. */
type Fallback = Value | 'zero'

/** Turns the conditional backward into `If`s. */
export class BackwardGates {
  private readonly fallbacks = new Map<Value, Fallback>()
  private readonly zeroFilled = new Set<Value>()
  private readonly conditions: Map<Node, Condition>
  /** Conditions under which the operands of Accumulate and OrZero contribute, read before any node is replaced. */
  private readonly parts = new Map<Node, Condition[]>()

  constructor(
    private readonly model: Model,
    private readonly table: OpTable,
    private readonly branches: Branches,
    execution: Execution,
  ) {
    this.conditions = execution.conditions
    for (const [node, whole] of this.conditions) {
      if (node.qualifiedOp !== ACCUMULATE && node.qualifiedOp !== OR_ZERO) continue
      this.parts.set(
        node,
        node.inputs.map((v) => execution.presence.of(v!).and(whole)),
      )
    }
  }

  emit(): void {
    for (const node of [...this.conditions.keys()].reverse()) this.rewrite(node)
    for (const batch of scheduleBatches(this.conditions)) if (!batch.condition.isAlways) this.outline(batch)
  }

  private get graph(): Graph {
    return this.model.graph
  }

  private rewrite(node: Node): void {
    if (node.qualifiedOp === GATE) this.replace(node, this.gate(node))
    else if (node.qualifiedOp === ACCUMULATE) this.replace(node, this.accumulate(node))
    else if (node.qualifiedOp === OR_ZERO) this.replace(node, this.orZero(node))
  }

  private replace(node: Node, by: Value): void {
    node.output().replaceAllUsesWith(by)
    this.graph.removeNode(node)
    this.conditions.delete(node)
  }

  /** A gate is its operand, read under a narrower condition. */
  private gate(node: Node): Value {
    return isResult(node)
      ? this.emitter(this.conditions.get(node)!).emit('Identity', [node.input(0)])
      : node.input(0)
  }

  /** acc' = if present(c) then acc + c else acc; unconditional contributions first. */
  private accumulate(node: Node): Value {
    const whole = this.conditions.get(node)!
    const parts = this.parts.get(node)!.map((condition, i) => ({ value: node.input(i), condition }))
    const certain = parts.filter((p) => p.condition === whole)
    const maybe = parts.filter((p) => p.condition !== whole)
    const b = this.emitter(whole)
    let acc = certain.length > 0 ? certain.map((p) => p.value).reduce((x, y) => b.add(x, y)) : undefined
    for (const p of maybe) acc = this.addMaybe(acc, p.value, p.condition)
    // Without a certain part nothing said that the sum is absent where all parts are.
    return isResult(node) && certain.length === 0 ? b.emit('Identity', [acc!]) : acc!
  }

  private addMaybe(acc: Value | undefined, value: Value, condition: Condition): Value {
    const b = this.emitter(condition)
    const sum = acc ? b.add(acc, value) : b.emit('Identity', [value])
    this.fallbacks.set(sum, acc ?? 'zero')
    return sum
  }

  private orZero(node: Node): Value {
    const copy = this.emitter(this.parts.get(node)![0]!).emit('Identity', [node.input(0)])
    this.zeroFilled.add(copy)
    return copy
  }

  /** Emits backward nodes that run under a condition. */
  private emitter(condition: Condition): Builder {
    return new Builder(this.model, this.graph, this.table, (n) => this.conditions.set(n, condition))
  }

  private outline({ condition, nodes }: Batch): void {
    const inside = new Set(nodes)
    const results = nodes.flatMap((n) => n.outputs).filter((v) => usesOutside(v, inside).length > 0)
    const uses = results.map((v) => usesOutside(v, inside))
    const [then, other] = [new Graph('present'), new Graph('absent')]
    moveNodes(nodes, then)
    const pairs = results.map((v) => ({ then: v, else: this.fallback(v, other, inside) }))
    const outputs = this.branches.makeIf('backward', this.branches.value(condition), then, other, pairs)
    outputs.forEach((outer, i) => {
      redirect(uses[i]!, outer)
      this.renameFallbacks(results[i]!, outer)
    })
  }

  private fallback(value: Value, other: Graph, inside: ReadonlySet<Node>): Value {
    if (this.zeroFilled.has(value)) return this.branches.builder(other).full(value.type!, 0)
    let fallback = this.fallbacks.get(value)
    while (fallback && fallback !== 'zero' && inside.has(fallback.producer!))
      fallback = this.fallbacks.get(fallback)
    if (fallback === 'zero') return this.branches.builder(other).scalarLike(value, 0)
    return fallback ?? this.branches.empty(value.type!)
  }

  /** A later accumulator falls back to this value: outside, it goes by its outer name. */
  private renameFallbacks(inner: Value, outer: Value): void {
    for (const [sum, fallback] of this.fallbacks) if (fallback === inner) this.fallbacks.set(sum, outer)
  }
}

function isResult(node: Node): boolean {
  return [...node.output().uses].some((u) => !(u.user instanceof Node))
}
