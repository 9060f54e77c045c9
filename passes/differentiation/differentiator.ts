/** Reverse mode over one graph: the loop over nodes, accumulation, un-broadcasting, and which gradients are needed. */
import type { Builder } from '../../src/builder.js'
import { CompileError, Problems, unreachable } from '../../src/errors.js'
import { Value, type Graph, type Node } from '../../src/ir.js'
import { runRule, type GradContext, type OpTable, type Thunk } from '../../src/op.js'
import { DOMAIN } from '../../src/ops/dropbp.js'
import { captures, reads, topologicalOrder } from '../../src/order.js'
import { isFloat, type TensorType } from '../../src/types.js'
import { Condition } from '../condition.js'
import { rootSaved } from '../gating/root-saved.js'
import { Presence } from '../presence.js'
import { sumTo } from '../sum-to.js'

/** Reverse-mode differentiation of one graph. */
export class Differentiator {
  private readonly order: Node[]
  private readonly problems = new Problems()
  private readonly needed: ReadonlySet<Value>
  private readonly contributions = new Map<Value, Value[]>()

  /**
   * @param b emits the gradients, into `graph` or another one
   * @param wanted float values of the graph, or captured ones, to differentiate with respect to
   */
  constructor(
    graph: Graph,
    private readonly b: Builder,
    private readonly presence: Presence,
    private readonly wanted: readonly Value[],
  ) {
    this.order = topologicalOrder(graph)
    this.needed = dependents(this.order, b.table, wanted)
  }

  /**
   * @param seeds what makes the cotangents of values; a value that depends on nothing wanted is not asked for one
   * @returns gradients of the wanted values that any seed depends on
   */
  run(seeds: ReadonlyMap<Value, Thunk>): Map<Value, Value> {
    for (const [value, seed] of seeds) if (this.needed.has(value)) this.contributions.set(value, [seed()])
    for (const node of this.order.reverse()) this.visit(node)
    this.problems.throwAny()
    const found = new Map<Value, Value>()
    for (const value of this.wanted) {
      const gradient = this.cotangent(value)
      if (gradient) found.set(value, gradient)
    }
    return found
  }

  private visit(node: Node): void {
    if (!node.outputs.some((o) => this.needed.has(o) && this.contributions.has(o))) return
    const wants = node.inputs.map((v) => v !== null && this.needed.has(v))
    const captured = [...captures(node)].filter((v) => this.needed.has(v))
    if (!wants.includes(true) && captured.length === 0) return
    const found = this.problems.attempt(() => {
      runRule(node, () => {
        const thunks = this.rule(node)(node, this.contextOf(node, wants, captured))
        node.inputs.forEach((v, i) => {
          if (wants[i] && thunks[i]) this.contribute(v!, thunks[i]())
        })
      })
    })
    // Any value of the right type will do to find what else is missing below.
    if (!found) node.inputs.forEach((v, i) => wants[i] && this.contributions.set(v!, [v!]))
  }

  private contribute(value: Value, broadcast: Value): void {
    const type = value.type ?? unreachable(`"${value.name}" has no type`)
    const gradient = sumTo(this.b, broadcast, type)
    const old = this.contributions.get(value)
    if (old) old.push(gradient)
    else this.contributions.set(value, [gradient])
  }

  private rule(node: Node) {
    const grad = this.b.table.find(node)?.grad
    if (typeof grad === 'function') return grad
    throw new CompileError(
      'no-gradient',
      `${node.qualifiedOp} (node "${node.name}") lies between a trainable parameter and the loss and has no gradient rule; ` +
        `freeze the parameters before it with --freeze, or add \`grad\` to its definition (src/ops, or the module of --rules)`,
    )
  }

  private contextOf(node: Node, wants: readonly boolean[], captured: readonly Value[]): GradContext {
    const whole = node.outputs
      .filter((o) => this.contributions.has(o))
      .reduce((c, o) => c.or(this.presence.of(this.cotangent(o)!)), Condition.never)
    return {
      b: this.b,
      has: (i) => this.contributions.has(node.output(i)),
      wants: (i) => wants[i] ?? false,
      dy: (i = 0) => this.completed(node, i, whole),
      saved: (i, type) => savedOutput(node, i, type),
      nested: {
        captured,
        contribute: (value, gradient) => this.contribute(value, gradient),
        dependents: (graph, sources) => dependents(topologicalOrder(graph), this.b.table, sources),
        differentiate: differentiateNested,
      },
    }
  }

  /** The cotangent of output `i`, present under condition `whole`: zeros where it is absent and another output's is not. */
  private completed(node: Node, i: number, whole: Condition): Value {
    const output = node.output(i)
    const dy = this.cotangent(output)
    if (!dy) return this.b.full(output.type!, 0)
    if (whole.implies(this.presence.of(dy))) return dy
    const others = node.outputs
      .filter((o) => o !== output && this.contributions.has(o))
      .map((o) => this.cotangent(o)!)
    const filled = this.b.emit('OrZero', [dy, ...others], {}, { domain: DOMAIN, name: 'or_zero' })
    this.contributions.set(output, [filled])
    return filled
  }

  /** The sum of what has been contributed to a value; made once, when its producer is visited. */
  private cotangent(value: Value): Value | undefined {
    const parts = this.contributions.get(value)
    if (!parts || parts.length === 0) return undefined
    if (parts.length === 1) return parts[0]
    const first = this.presence.of(parts[0]!)
    const uniform = parts.every((p) => this.presence.of(p) === first)
    const sum = uniform
      ? parts.reduce((a, p) => this.b.add(a, p))
      : this.b.emit('Accumulate', parts, {}, { domain: DOMAIN, name: 'accumulate' })
    this.contributions.set(value, [sum])
    return sum
  }
}

/** Output `i` of a forward node, added where it is optional and absent. */
function savedOutput(node: Node, i: number, type: TensorType): Value {
  while (node.outputs.length <= i) node.addOutput(new Value(''))
  const value = node.output(i)
  value.type ??= type
  if (value.name === '') value.name = `${node.op.toLowerCase()}_saved${i}`
  return value
}

/** Values of nodes, in order, that depend on a source through operators with gradients; the sources too. */
function dependents(order: readonly Node[], table: OpTable, sources: Iterable<Value>): Set<Value> {
  const needed = new Set(sources)
  for (const node of order) {
    if (table.find(node)?.grad === 'none') continue
    if (![...reads(node)].some((v) => needed.has(v))) continue
    for (const output of node.outputs) if (!output.type || isFloat(output.type.dtype)) needed.add(output)
  }
  return needed
}

/** See `NestedGradients.differentiate`. Within a nested graph everything is present. */
function differentiateNested(
  graph: Graph,
  b: Builder,
  cotangents: readonly (Value | null)[],
  wanted: readonly Value[],
): Map<Value, Value> {
  const seeds = new Map<Value, Thunk>()
  graph.outputs.forEach((result, i) => {
    const dy = cotangents[i]
    if (!dy) return
    const seed = (): Value => b.reshape(dy, result.type!.shape!)
    const former = seeds.get(result)
    seeds.set(result, former ? () => b.add(former(), seed()) : seed)
  })
  const found = new Differentiator(graph, b, new Presence([]), wanted).run(seeds)
  rootSaved(b.graph, (node) => node.graph === b.graph)
  return found
}
