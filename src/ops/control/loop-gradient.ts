/** The gradient of `Scan` and `Loop`: the same operator over the same iterations, the last one first. */
import { Builder } from '../../builder.js'
import { cloneNode } from '../../clone.js'
import { isDraw } from '../../draws.js'
import { CompileError } from '../../errors.js'
import { Graph, Value, type Node } from '../../ir.js'
import type { GradContext, GradRule } from '../../op.js'
import { withNested } from '../../order.js'
import { isFloat } from '../../types.js'
import { lazy } from '../support/emit.js'
import { Layout } from './layout.js'
import { readThrough } from './nested.js'
import { Stacks } from './stacks.js'
import { LoopWalker, ScanWalker, type Carried, type Stacked, type Walker } from './walk.js'

/** A carried gradient, and who is told of its final value. */
interface Running extends Carried {
  readonly done: (gradient: Value) => void
}

/**
 * With s', y = f(s, x, v) for states s, scanned elements x and captured v, the backward carries ds and dv:
 * ds, dx, dv = ∂f·(ds', dy), dv summed. The forward also returns, stacked, what the backward reads of each iteration; what
 * may change its shape between iterations is computed again.
 * @throws CompileError `no-gradient` where a state may change its shape
 */
export const loopGradient: GradRule = (node, g) => {
  const gradients = new BackwardLoop(node, g).emit()
  return node.inputs.map((_, i) => {
    const gradient = gradients.get(i)
    return gradient ? () => gradient : null
  })
}

class BackwardLoop {
  private readonly layout: Layout
  private readonly stacks: Stacks
  private readonly b: Builder
  private readonly walker: Walker
  /** By operand. */
  private readonly gradients = new Map<number, Value>()

  constructor(
    private readonly node: Node,
    private readonly g: GradContext,
  ) {
    this.layout = new Layout(node)
    this.stacks = new Stacks(node, this.layout, g.b)
    this.b = new Builder(g.b.model, new Graph(`${this.layout.body.name}_grad`), g.b.table)
    const { iteration } = this.layout
    this.walker = iteration
      ? new LoopWalker(
          g.b,
          this.b,
          lazy(() => this.lengthOf(iteration)),
        )
      : new ScanWalker(g.b, this.b)
  }

  /** Emits the backward; returns gradients by operand. */
  emit(): ReadonlyMap<number, Value> {
    const { layout, g, b, walker } = this
    const states = this.differentiatedStates()
    const after = new Map(states.map((k) => [k, new Value('d_state', layout.stateResult(k).type)]))
    const elements = layout.scanInputs.filter((j) => g.wants(layout.scanOperand(j)))
    const wanted = [
      ...states.map((k) => layout.state(k)),
      ...elements.map((j) => layout.element(j)),
      ...g.nested.captured,
    ]
    const found = g.nested.differentiate(layout.body, b, this.cotangents(after), wanted)
    const carried = [
      ...states.map((k) => this.runningState(k, after.get(k)!, found.get(layout.state(k)))),
      ...g.nested.captured.filter((v) => found.has(v)).map((v) => this.summed(v, found.get(v)!)),
    ]
    const reached = elements.filter((j) => found.has(layout.element(j)))
    const stacked = reached.map((j) => this.stackedElement(j, found.get(layout.element(j))!))
    walker.finishBody(carried, stacked)
    readThrough(layout.body, b.graph, b.model.graph, (v) => this.exposed(v))
    if (!walker.isPaced) this.exposed(layout.element(0))
    this.distribute(walker.emit(carried, stacked), carried, reached)
    return this.gradients
  }

  /** States that a gradient passes through: those that start from what is differentiated, or come to depend on it. */
  private differentiatedStates(): number[] {
    const { layout, g } = this
    const elements = layout.scanInputs.filter((j) => g.wants(layout.scanOperand(j)))
    const fixed = [...g.nested.captured, ...elements.map((j) => layout.element(j))]
    const chosen = new Set(layout.states.filter((k) => g.wants(layout.stateOperand(k))))
    for (let before = -1; before < chosen.size;) {
      before = chosen.size
      const sources = [...fixed, ...[...chosen].map((k) => layout.state(k))]
      const dependent = g.nested.dependents(layout.body, sources)
      for (const k of layout.states)
        if (dependent.has(layout.stateResult(k)) && isFloat(layout.state(k).type?.dtype)) chosen.add(k)
    }
    return [...chosen].sort((p, q) => p - q)
  }

  /** Cotangents of the body's results within one backward iteration. */
  private cotangents(after: ReadonlyMap<number, Value>): (Value | null)[] {
    const { layout, g, walker } = this
    const list: (Value | null)[] = layout.body.outputs.map(() => null)
    for (const [k, value] of after) list[layout.stateResultAt(k)] = value
    for (const j of layout.scanOutputs) {
      const at = layout.scanResultAt(j)
      const output = layout.states.length + j
      if (!g.has(output)) continue
      const { axis, direction } = layout.scanOutput(j)
      list[at] = walker.slice(
        { value: g.dy(output), axis, direction: 1 - direction },
        layout.body.outputs[at]!,
      )
    }
    return list
  }

  private runningState(k: number, value: Value, next: Value | undefined): Running {
    const { layout, g, b } = this
    return {
      value,
      initial: g.has(k) ? g.dy(k) : g.b.full(this.node.output(k).type!, 0),
      next: next ?? b.full(layout.state(k).type!, 0),
      done: (gradient) => this.gradients.set(layout.stateOperand(k), gradient),
    }
  }

  private summed(captured: Value, gradient: Value): Running {
    const value = new Value('d_captured', captured.type)
    return {
      value,
      initial: this.g.b.full(captured.type!, 0),
      next: this.b.add(value, gradient),
      done: (total) => this.g.nested.contribute(captured, total),
    }
  }

  private stackedElement(j: number, element: Value): Stacked {
    const { axis, direction } = this.layout.scanInput(j)
    return { axis, direction: 1 - direction, element }
  }

  /** A value of a forward iteration in the backward one of the same number. */
  private exposed(value: Value): Value {
    if (value === this.layout.condition) return this.b.scalar('bool', 1)
    const stack = this.stacks.of(value)
    return stack ? this.walker.slice(stack, value) : this.repeated(value)
  }

  /** What no stack can hold is computed again from what it was computed from. */
  private repeated(value: Value): Value {
    const node = value.producer
    if (!node || withNested(node).some(isDraw)) throw changingShape(this.node, value)
    const copy = this.b.graph.addNode(cloneNode(node, new Map()))
    return copy.output(node.outputs.indexOf(value))
  }

  private lengthOf(iteration: Value): Value {
    const { b } = this.g
    const { value } = this.stacks.of(iteration)!
    return b.reshape(b.emit('Shape', [value]), [])
  }

  private distribute(
    results: readonly Value[],
    carried: readonly Running[],
    elements: readonly number[],
  ): void {
    results.forEach((result, i) => {
      const running = carried[i]
      const operand = running ? undefined : this.layout.scanOperand(elements[i - carried.length]!)
      result.type = running ? running.initial.type! : this.node.input(operand!).type!
      if (running) running.done(result)
      else this.gradients.set(operand!, result)
    })
  }
}

function changingShape(loop: Node, value: Value): CompileError {
  return new CompileError(
    'no-gradient',
    `${loop.op} (node "${loop.name}") lies between a trainable parameter and the loss, and the shape of "${value.name}" may ` +
      'change from one iteration to the next, so that its values cannot be kept for the backward; ' +
      'freeze the parameters up to it with --freeze, or export the model for a fixed number of iterations',
  )
}
