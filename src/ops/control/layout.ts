/** Where `Loop` and `Scan` keep their states and scanned values: operands, results, and those of the body. */
import type { Graph, Node, Value } from '../../ir.js'
import { normalizeAxis } from '../support/shapes.js'
import { bodyOf } from './nested.js'

/** An axis that is walked, from its start (direction 0) or from its end (1). */
export interface Walk {
  readonly axis: number
  readonly direction: number
}

/** A tensor that is scanned. */
export interface Scanned extends Walk {
  readonly value: Value
}

const range = (n: number): number[] => [...Array(Math.max(0, n)).keys()]

/** A `Loop` (states only; iteration and condition come before them in its body) or a `Scan`. */
export class Layout {
  readonly body: Graph
  /** Numbers of the states. */
  readonly states: readonly number[]
  /** Numbers of the scanned operands; a `Loop` has none. */
  readonly scanInputs: readonly number[]
  private readonly isLoop: boolean

  constructor(private readonly node: Node) {
    this.body = bodyOf(node)!
    this.isLoop = node.op === 'Loop'
    const scans = this.isLoop ? 0 : node.int('num_scan_inputs', 0)
    this.states = range(node.inputs.length - scans - (this.isLoop ? 2 : 0))
    this.scanInputs = range(scans)
  }

  /** Numbers of the stacked results. */
  get scanOutputs(): readonly number[] {
    return range(this.body.outputs.length - this.states.length - (this.isLoop ? 1 : 0))
  }

  /** The number of the iteration, within the body. */
  get iteration(): Value | undefined {
    return this.isLoop ? this.body.inputs[0] : undefined
  }

  /** The condition as the body reads it: always true there. */
  get condition(): Value | undefined {
    return this.isLoop ? this.body.inputs[1] : undefined
  }

  /** The operand that state `k` starts from. */
  stateOperand(k: number): number {
    return this.isLoop ? k + 2 : k
  }

  /** State `k` at the start of an iteration, within the body. */
  state(k: number): Value {
    return this.body.inputs[this.stateOperand(k)]!
  }

  stateResultAt(k: number): number {
    return this.isLoop ? k + 1 : k
  }

  /** State `k` at the end of an iteration. */
  stateResult(k: number): Value {
    return this.body.outputs[this.stateResultAt(k)]!
  }

  /** The operand that scanned value `j` is. */
  scanOperand(j: number): number {
    return this.states.length + j
  }

  /** The element of scanned value `j`, within the body. */
  element(j: number): Value {
    return this.body.inputs[this.states.length + j]!
  }

  scanResultAt(j: number): number {
    return this.stateResultAt(this.states.length + j)
  }

  scanInput(j: number): Walk {
    const rank = this.node.input(this.scanOperand(j)).type!.shape!.length
    return this.walk('scan_input', j, rank)
  }

  scanOutput(j: number): Walk {
    const element = this.body.outputs[this.scanResultAt(j)]!
    return this.walk('scan_output', j, element.type!.shape!.length + 1)
  }

  private walk(prefix: string, j: number, rank: number): Walk {
    return {
      axis: normalizeAxis(this.node, this.node.ints(`${prefix}_axes`)?.[j] ?? 0, rank),
      direction: this.node.ints(`${prefix}_directions`)?.[j] ?? 0,
    }
  }
}
