/** When a value of the training graph is present: a dropped branch's gradient is absent, not zero. */
import type { Node, Value } from '../src/ir.js'
import { ACCUMULATE, GATE, OR_ZERO } from '../src/ops/dropbp.js'
import { reads } from '../src/order.js'
import { Condition, Conditions } from './condition.js'

/** Presence of values, kept up to date as nodes are emitted; forward values are always present. */
export class Presence {
  private readonly found = new Map<Value, Condition>()
  private readonly conditions = new Conditions()
  private readonly numbers: ReadonlyMap<Value, number>

  /** @param gates the keep inputs; their position is the gate's number in every condition */
  constructor(gates: readonly Value[]) {
    this.numbers = new Map(gates.map((gate, i) => [gate, i]))
  }

  /** True where a keep input is. */
  gate(keep: Value): Condition {
    return this.conditions.gate(this.numbers.get(keep)!)
  }

  of(value: Value): Condition {
    return this.found.get(value) ?? Condition.always
  }

  /** Derives the presence of a node's outputs from that of its operands. */
  visit(node: Node): void {
    const condition = this.derive(node)
    if (!condition.isAlways) for (const output of node.outputs) this.found.set(output, condition)
  }

  private derive(node: Node): Condition {
    const operands = [...reads(node)].map((v) => this.of(v))
    switch (node.qualifiedOp) {
      case GATE:
        return operands[0]!.and(this.gate(node.input(1)))
      case ACCUMULATE:
      case OR_ZERO:
        return Condition.any(operands)
      default:
        return operands.reduce((a, b) => a.and(b), Condition.always)
    }
  }
}
