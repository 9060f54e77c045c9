/** LSTM, GRU and RNN as a `Scan` in each direction, which is differentiated, or written out where its length is known. */
import { Builder } from '../../builder.js'
import { Expr } from '../../expr.js'
import { Graph, Value, type Node } from '../../ir.js'
import { invalid } from '../../op.js'
import type { Dim, Shape } from '../../types.js'
import { addResult } from '../control/nested.js'
import { shapeOf } from '../support/shapes.js'
import { activationsOf, type Activation } from './activations.js'
import type { Cell, Step } from './cells.js'

/** The results of a recurrent operator, in other operators. */
export function lowerRecurrent(node: Node, b: Builder, cell: Cell): Value[] {
  return new Lowering(node, b, cell).results()
}

class Lowering {
  private readonly x: Value
  private readonly length: Dim
  private readonly batch: Dim
  private readonly hidden: number
  private readonly directions: number
  private readonly activations: Activation[][]
  /** Whether a step is part of the sequence, [length, batch, 1]. */
  private readonly mask: Value | null

  constructor(
    private readonly node: Node,
    private readonly b: Builder,
    private readonly cell: Cell,
  ) {
    this.x = this.batchSecond(node.input(0))
    const [length, batch] = shapeOf(node, this.x)
    this.length = length!
    this.batch = batch!
    const hidden = node.int('hidden_size', 0) || shapeOf(node, node.input(2))[2]!.constant
    if (!hidden) throw invalid(node, 'recurrence weights of a fixed size', 'an open dimension')
    this.hidden = hidden
    this.directions = node.string('direction', 'forward') === 'bidirectional' ? 2 : 1
    this.activations = activationsOf(node, cell.activations, this.directions)
    this.mask = node.inputs[4] ? this.maskOf(node.inputs[4]) : null
  }

  results(): Value[] {
    const { b, directions } = this
    const each = Array.from({ length: directions }, (_, d) => this.direction(d))
    const joined = each[0]!.map((_, k) => {
      const axis = k === each[0]!.length - 1 ? 1 : 0
      const list = each.map((results) => b.emit('Unsqueeze', [results[k]!, b.ints([axis])]))
      return list.length === 1 ? list[0]! : b.emit('Concat', list, { axis })
    })
    const y = joined.pop()!
    const batchFirst = this.node.int('layout', 0) === 1
    return batchFirst
      ? [b.transpose(y, [2, 0, 1, 3]), ...joined.map((v) => this.batchSecond(v))]
      : [y, ...joined]
  }

  /** Final states, then the outputs of all steps, of one direction. */
  private direction(d: number): Value[] {
    const { b, node, cell } = this
    const reversed = node.string('direction', 'forward') === 'reverse' || d === 1 ? 1 : 0
    const weights = b.transpose(this.part(node.input(1), d)!, [1, 0])
    const [inputBias, ownBias] = this.biases(d)
    const product = b.matmul(this.x, weights)
    const projected = inputBias ? b.add(product, inputBias) : product
    const initial = Array.from({ length: cell.states }, (_, k) => this.initial(k, d))
    const body = this.body(d, projected, ownBias)
    const scanned = this.mask ? [projected, this.mask] : [projected]
    return b.emitAll(
      'Scan',
      [...initial, ...scanned],
      {
        body: { type: 'graph', value: body },
        num_scan_inputs: scanned.length,
        scan_input_directions: scanned.map(() => reversed),
        scan_output_directions: [reversed],
      },
      { outputs: cell.states + 1 },
    )
  }

  private body(d: number, projected: Value, bias: Value | null): Graph {
    const { node, cell, hidden } = this
    const { dtype, shape } = projected.type!
    const graph = new Graph(`${node.op.toLowerCase()}_step`)
    const b = new Builder(this.b.model, graph, this.b.table)
    const states = Array.from({ length: cell.states }, (_, k) =>
      graph.addInput(new Value('hc'[k]!, { dtype, shape: this.stateShape })),
    )
    const x = graph.addInput(new Value('x', { dtype, shape: shape!.slice(1) }))
    const goes =
      this.mask && graph.addInput(new Value('goes', { dtype: 'bool', shape: [this.batch, Expr.one] }))
    const step: Step = {
      ...{ b, node, hidden, x, states, bias },
      recurrence: this.b.transpose(this.part(node.input(2), d)!, [1, 0]),
      peepholes: this.part(node.inputs[7] ?? null, d),
      activations: this.activations[d]!,
    }
    const next = cell.step(step)
    const kept = goes ? next.map((v, k) => b.emit('Where', [goes, v, states[k]!])) : next
    for (const v of kept) addResult(graph, v, b)
    addResult(graph, goes ? b.emit('Where', [goes, next[0]!, b.scalarLike(x, 0)]) : kept[0]!, b)
    return graph
  }

  /** Biases that are added to the projected input, and those that the step adds. */
  private biases(d: number): [Value | null, Value | null] {
    const { b, node, cell, hidden } = this
    const both = this.part(node.inputs[3] ?? null, d)
    if (!both) return [null, null]
    const size = cell.gates * hidden
    const [input, recurrence] = b.emitAll('Split', [both, b.ints([size, size])], { axis: 0 }, { outputs: 2 })
    return cell.ownBias(node) ? [input!, recurrence!] : [b.add(input!, recurrence!), null]
  }

  private get stateShape(): Shape {
    return [this.batch, Expr.of(this.hidden)]
  }

  private initial(k: number, d: number): Value {
    const given = this.node.inputs[5 + k]
    if (given) return this.part(this.batchSecond(given), d)!
    return this.b.full({ dtype: this.x.type!.dtype, shape: this.stateShape }, 0)
  }

  /** The part of a direction: operands have one for each along their first axis. */
  private part(value: Value | null, d: number): Value | null {
    if (!value) return null
    const { b, directions } = this
    const shape = shapeOf(this.node, value).slice(1)
    if (directions === 1) return b.reshape(value, shape)
    const halves = b.emitAll('Split', [value, b.ints([1, 1])], { axis: 0 }, { outputs: 2 })
    return b.reshape(halves[d]!, shape)
  }

  /** With `layout` 1 the batch comes first. */
  private batchSecond(value: Value): Value {
    return this.node.int('layout', 0) === 1 ? this.b.transpose(value, [1, 0, 2]) : value
  }

  private maskOf(lengths: Value): Value {
    const { b, length, batch } = this
    const scalar = (x: number): Value => b.scalar('int64', x)
    const steps = b.emit('Range', [scalar(0), b.reshape(b.dim(length), []), scalar(1)])
    const ends = b.reshape(b.cast(lengths, 'int64'), [Expr.one, batch, Expr.one])
    return b.emit('Less', [b.reshape(steps, [length, Expr.one, Expr.one]), ends])
  }
}
