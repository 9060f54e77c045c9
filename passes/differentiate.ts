/** Reverse-mode differentiation of the flat graph; conditions are tracked here and acted on by the gate pass. */
import { Builder } from '../src/builder.js'
import { CompileError, unreachable } from '../src/errors.js'
import { Value, type Model, type Node } from '../src/ir.js'
import type { GradContext, OpTable, Thunk } from '../src/op.js'
import { DOMAIN } from '../src/ops/dropbp.js'
import { reads, topologicalOrder } from '../src/order.js'
import { isFloat, type TensorType } from '../src/types.js'
import type { CompileContext, Parameter, Pass } from './pass.js'
import { Condition } from './condition.js'
import { Presence } from './presence.js'
import { sumTo } from './sum-to.js'

export const differentiate: Pass = {
  name: 'differentiate',
  purpose: 'Emits the gradient of the loss for every trainable parameter that it depends on.',
  needs: 'A loss; every operator between it and a trainable parameter has a gradient rule.',
  leaves:
    'ctx.differentiated; results are loss and gradients; Gate and Accumulate nodes where branches can be dropped.',
  run(ctx: CompileContext): void {
    const { model, table } = ctx
    const forward = new Set(model.graph.nodes)
    const trainable = ctx.parameters.filter((p) => p.trainable)
    const gates = ctx.sites.map((s) => s.keep!)
    const found = gradients(
      model,
      table,
      ctx.loss!.output,
      trainable.map((p) => p.value),
      gates,
    )
    const parameters = trainable.filter((p) => found.has(p.value) || freeze(ctx, p))
    model.graph.setOutputs([ctx.loss!.output, ...parameters.map((p) => found.get(p.value)!)])
    ctx.differentiated = { parameters, forward, presentWhen: new Map() }
  },
}

function freeze(ctx: CompileContext, p: Parameter): false {
  p.trainable = false
  p.frozenBecause = 'the loss does not depend on it'
  ctx.notes.push(`${p.name} is frozen: the loss does not depend on it`)
  return false
}

/**
 * Emits gradients of a scalar into the model's main graph.
 * @param loss float scalar
 * @param wanted float values to differentiate with respect to
 * @param gates keep inputs of the DropBP nodes, in execution order
 * @returns gradients of the shape and type of their values; a value that the loss does not depend on has none
 * @throws CompileError `no-gradient` where an operator in between has no rule
 */
export function gradients(
  model: Model,
  table: OpTable,
  loss: Value,
  wanted: readonly Value[],
  gates: readonly Value[] = [],
): Map<Value, Value> {
  return new Differentiator(model, table, wanted, gates).run(loss, wanted)
}

class Differentiator {
  private readonly order: Node[]
  private readonly needed: Set<Value>
  private readonly presence: Presence
  private readonly b: Builder
  private readonly contributions = new Map<Value, Value[]>()

  constructor(
    model: Model,
    private readonly table: OpTable,
    wanted: readonly Value[],
    gates: readonly Value[],
  ) {
    this.order = topologicalOrder(model.graph)
    this.needed = this.dependents(wanted)
    this.presence = new Presence(gates)
    this.b = new Builder(model, model.graph, table, (node) => this.presence.visit(node))
  }

  run(loss: Value, wanted: readonly Value[]): Map<Value, Value> {
    if (this.needed.has(loss)) this.contributions.set(loss, [this.b.scalarLike(loss, 1)])
    for (const node of this.order.reverse()) this.visit(node)
    const found = new Map<Value, Value>()
    for (const value of wanted) {
      const gradient = this.cotangent(value)
      if (gradient) found.set(value, gradient)
    }
    return found
  }

  /** Float values that depend on a wanted one through operators with gradients. */
  private dependents(wanted: readonly Value[]): Set<Value> {
    const needed = new Set(wanted)
    for (const node of this.order) {
      if (this.table.find(node)?.grad === 'none') continue
      if (![...reads(node)].some((v) => needed.has(v))) continue
      for (const output of node.outputs) if (!output.type || isFloat(output.type.dtype)) needed.add(output)
    }
    return needed
  }

  private visit(node: Node): void {
    if (!node.outputs.some((o) => this.needed.has(o) && this.contributions.has(o))) return
    const wants = node.inputs.map((v) => v !== null && this.needed.has(v))
    if (!wants.includes(true) && node.subgraphs.length === 0) return
    const thunks = this.rule(node)(node, this.contextOf(node, wants))
    node.inputs.forEach((v, i) => {
      if (wants[i] && thunks[i]) this.contribute(v!, thunks[i])
    })
  }

  private contribute(value: Value, thunk: Thunk): void {
    const type = value.type ?? unreachable(`"${value.name}" has no type`)
    const gradient = sumTo(this.b, thunk(), type)
    const old = this.contributions.get(value)
    if (old) old.push(gradient)
    else this.contributions.set(value, [gradient])
  }

  private rule(node: Node) {
    const grad = this.table.find(node)?.grad
    if (typeof grad === 'function') return grad
    throw new CompileError(
      'no-gradient',
      `${node.qualifiedOp} (node "${node.name}") lies between a trainable parameter and the loss and has no gradient rule; ` +
        `freeze the parameters before it with --freeze, or add \`grad\` to its definition in src/ops/`,
    )
  }

  private contextOf(node: Node, wants: readonly boolean[]): GradContext {
    const whole = node.outputs
      .filter((o) => this.contributions.has(o))
      .reduce((c, o) => c.or(this.presence.of(this.cotangent(o)!)), Condition.never)
    return {
      b: this.b,
      has: (i) => this.contributions.has(node.output(i)),
      wants: (i) => wants[i] ?? false,
      dy: (i = 0) => this.completed(node, i, whole),
      saved: (i, type) => savedOutput(node, i, type),
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
    const uniform = parts.every((p) => this.presence.of(p).equals(first))
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
