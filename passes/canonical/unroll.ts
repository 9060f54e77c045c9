/** Loops whose iterations are known: `Loop` and `Scan` are replaced by their iterations. */
import { Builder } from '../../src/builder.js'
import type { ValueMap } from '../../src/clone.js'
import { prepareInitializer } from '../../src/infer.js'
import type { Graph, Node, Value } from '../../src/ir.js'
import { Layout } from '../../src/ops/control/layout.js'
import { normalizeAxis } from '../../src/ops/support/shapes.js'
import { nestedGraphs } from '../../src/order.js'
import { Tensor } from '../../src/tensor.js'
import { staticShape } from '../../src/types.js'
import { knownScalar } from './branches.js'
import { copyBody } from './copy-body.js'
import { replaceOutputOrCopy } from './replace.js'

/** A loop that would become more nodes than this stays a loop. */
export const UNROLLED_NODES = 4096

/** What unrolling needs of the walk that calls it. */
export interface UnrollContext {
  /** Emits canonical nodes around the loop. */
  readonly b: Builder
  /** Told of every copied node, with what it is a copy of. */
  readonly copied: (copy: Node, original: Node) => void
  readonly notes: string[]
}

/**
 * One loop, iteration by iteration: what an iteration computes has to be inferred before it is known whether another follows.
 * Meanwhile the loop node holds what the next iteration starts from, and what was stacked so far, as its operands.
 */
export class Unrolling {
  private readonly layout: Layout
  private readonly original: readonly (Value | null)[]
  private readonly trips: number
  private readonly size: number
  private iteration = 0

  private constructor(
    private readonly node: Node,
    private readonly ctx: UnrollContext,
    trips: number,
  ) {
    this.layout = new Layout(node)
    this.original = [...node.inputs]
    this.trips = trips
    this.size = sizeOf(this.layout.body)
  }

  /** Begins to unroll a loop; undefined where the number of its iterations is open or too large. */
  static begin(node: Node, ctx: UnrollContext): Unrolling | undefined {
    if (node.domain !== '' || (node.op !== 'Loop' && node.op !== 'Scan')) return undefined
    const trips = node.op === 'Loop' ? loopTrips(node) : scanTrips(node)
    if (trips === undefined) return undefined
    const unrolling = new Unrolling(node, ctx, trips)
    if (Number.isFinite(trips) && unrolling.exceeds(trips)) return undefined
    if (node.op === 'Scan') unrolling.split()
    return unrolling
  }

  /**
   * The nodes to visit next: those of an iteration, then the loop again; none after the last one, where it is replaced.
   * Undefined where the loop has to stay.
   */
  step(): Node[] | undefined {
    const condition = this.node.op === 'Scan' ? null : this.node.inputs[1]
    const goes = condition ? knownScalar(condition) : 1
    if (goes === undefined || this.exceeds(this.iteration + 1, this.trips)) return this.abandon()
    if (goes && this.iteration < this.trips) return this.iterate()
    return this.finish() ? [] : this.abandon()
  }

  /** States, elements (of a `Scan`), and stacked values so far, as the node's operands. */
  private held(): { states: Value[]; elements: Value[][]; stacks: Value[][] } {
    const { layout, node, iteration } = this
    const rest = node.inputs.slice(layout.stateOperand(0)) as Value[]
    const states = rest.splice(0, layout.states.length)
    const elements = layout.scanInputs.map(() => rest.splice(0, this.trips))
    const stacks = layout.scanOutputs.map(() => rest.splice(0, iteration))
    return { states, elements, stacks }
  }

  private iterate(): Node[] {
    const { layout, node, ctx } = this
    const { states, elements, stacks } = this.held()
    const map: ValueMap = new Map()
    if (layout.iteration) map.set(layout.iteration, ctx.b.scalar('int64', this.iteration))
    if (layout.condition) map.set(layout.condition, node.inputs[1] ?? ctx.b.scalar('bool', 1))
    for (const k of layout.states) map.set(layout.state(k), states[k]!)
    for (const j of layout.scanInputs) map.set(layout.element(j), elements[j]![this.iteration]!)
    const copies = copyBody(layout.body, node.graph!, map, ctx.copied)
    const results = layout.body.outputs.map((v) => map.get(v) ?? v)
    const head = node.op === 'Loop' ? [node.inputs[0]!, results[0]!] : []
    const next = layout.states.map((k) => results[layout.stateResultAt(k)]!)
    const stacked = stacks.flatMap((stack, j) => [...stack, results[layout.scanResultAt(j)]!])
    node.setInputs([...head, ...next, ...elements.flat(), ...stacked])
    this.iteration++
    return [...copies, node]
  }

  /** Replaces the loop by its results; false where it is not known what it returns. */
  private finish(): boolean {
    const { node } = this
    const { states, stacks } = this.held()
    const results = [...states, ...stacks.map((stack, j) => this.join(stack, j))]
    if (node.outputs.some((v, i) => v.uses.size > 0 && !results[i])) return false
    node.outputs.forEach((output, i) => results[i] && replaceOutputOrCopy(output, results[i], node.graph!))
    node.graph!.removeNode(node)
    return true
  }

  /** What iterations return side by side along a new axis; undefined where nothing tells the shape of none. */
  private join(stack: readonly Value[], j: number): Value | undefined {
    const { layout, node } = this
    const { b } = this.ctx
    const axis = node.ints('scan_output_axes')?.[j] ?? 0
    if (stack.length === 0) return emptyStack(node, layout.body.outputs[layout.scanResultAt(j)]!, axis, b)
    const ordered = node.ints('scan_output_directions')?.[j] === 1 ? [...stack].reverse() : stack
    const parts = ordered.map((v) => b.emit('Unsqueeze', [v, b.ints([axis])]))
    return parts.length === 1 ? parts[0]! : b.emit('Concat', parts, { axis })
  }

  /** Cuts what a `Scan` scans into its elements, in the order of the walk. */
  private split(): void {
    const { layout, node, trips } = this
    const { b } = this.ctx
    const elements = layout.scanInputs.flatMap((j) => {
      const { axis, direction } = layout.scanInput(j)
      const x = node.input(layout.scanOperand(j))
      const sizes = b.ints(Array<number>(trips).fill(1))
      const parts = trips === 1 ? [x] : b.emitAll('Split', [x, sizes], { axis }, { outputs: trips })
      const list = parts.map((part) => b.emit('Squeeze', [part, b.ints([axis])]))
      return direction === 1 ? list.reverse() : list
    })
    node.setInputs([...node.inputs.slice(0, layout.states.length), ...elements])
  }

  private abandon(): undefined {
    this.node.setInputs(this.original)
  }

  /** Whether so many iterations are too many to be written out; says so, once. */
  private exceeds(iterations: number, all = iterations): boolean {
    const nodes = iterations * this.size
    if (nodes <= UNROLLED_NODES) return false
    const { op, name } = this.node
    const count = Number.isFinite(all)
      ? `its ${all} iterations would be ${all * this.size}`
      : 'it would be more than that many'
    this.ctx.notes.push(
      `${op} "${name}" stays a loop: of ${UNROLLED_NODES} nodes that a loop may be unrolled to, ${count}`,
    )
    return true
  }
}

function emptyStack(node: Node, like: Value, axis: number, b: Builder): Value | undefined {
  const shape = staticShape(like.type)
  if (!shape) return undefined
  const at = normalizeAxis(node, axis, shape.length + 1)
  const value = b.graph.addInitializer('none', Tensor.of(like.type!.dtype, shape.toSpliced(at, 0, 0), []))
  prepareInitializer(value)
  return value
}

/** The most iterations of a `Loop`; undefined where they are open. */
function loopTrips(node: Node): number | undefined {
  const [limit, condition] = node.inputs
  const trips = limit ? knownScalar(limit) : Infinity
  const isOpen = condition && knownScalar(condition) === undefined
  if (trips === undefined || isOpen) return undefined
  // Without a limit the condition has to end it, which only what is computed can do.
  return trips
}

function scanTrips(node: Node): number | undefined {
  const layout = new Layout(node)
  const operands = layout.scanInputs.map((j) => node.input(layout.scanOperand(j)))
  if (operands.length === 0 || !operands.every((v) => v.type?.shape)) return undefined
  return operands[0]!.type!.shape![layout.scanInput(0).axis]?.constant
}

function sizeOf(body: Graph): number {
  const inner = [...body.nodes].flatMap(nestedGraphs)
  return [body, ...inner].reduce((n, g) => n + g.nodes.size, 0)
}
