/** The operator that runs backward iterations: a `Scan` for a `Scan`, a `Loop` for a `Loop`, which may run none. */
import type { Builder } from '../../builder.js'
import { Value } from '../../ir.js'
import { tensorType } from '../../types.js'
import type { Scanned, Walk } from './layout.js'
import { addResult } from './nested.js'

/** What backward iterations carry on. */
export interface Carried {
  /** Within an iteration. */
  readonly value: Value
  /** Where it begins. */
  readonly initial: Value
  /** After an iteration. */
  readonly next: Value
}

/** What backward iterations stack. */
export interface Stacked extends Walk {
  /** Within an iteration. */
  readonly element: Value
}

/** Emits backward iterations. */
export interface Walker {
  /** Whether anything is sliced yet. */
  readonly isPaced: boolean
  /** The part of a tensor that belongs to the iteration, of the type of `like`. */
  slice(scanned: Scanned, like: Value): Value
  /** Makes the results of the body. */
  finishBody(carried: readonly Carried[], stacked: readonly Stacked[]): void
  /** Emits the operator; returns what is carried at the end, then what was stacked. */
  emit(carried: readonly Carried[], stacked: readonly Stacked[]): Value[]
}

/** A `Scan` over the elements. */
export class ScanWalker implements Walker {
  private readonly scanned: (Scanned & { element: Value })[] = []

  /**
   * @param outer emits around the body
   * @param inner emits into the body
   */
  constructor(
    private readonly outer: Builder,
    private readonly inner: Builder,
  ) {}

  get isPaced(): boolean {
    return this.scanned.length > 0
  }

  slice(scanned: Scanned, like: Value): Value {
    const element = new Value(like.name, like.type)
    this.scanned.push({ ...scanned, element })
    return element
  }

  finishBody(carried: readonly Carried[], stacked: readonly Stacked[]): void {
    for (const { next } of carried) addResult(this.inner.graph, next, this.inner)
    for (const { element } of stacked) addResult(this.inner.graph, element, this.inner)
  }

  emit(carried: readonly Carried[], stacked: readonly Stacked[]): Value[] {
    const { scanned } = this
    const body = this.inner.graph
    for (const { value } of carried) body.addInput(value)
    for (const { element } of scanned) body.addInput(element)
    const results = stacked.length > 0 ? walks('scan_output', stacked) : {}
    const attributes = {
      body: { type: 'graph', value: body } as const,
      num_scan_inputs: scanned.length,
      ...walks('scan_input', scanned),
      ...results,
    }
    const operands = [...carried.map((c) => c.initial), ...scanned.map((s) => s.value)]
    const outputs = carried.length + stacked.length
    return this.outer.emitAll('Scan', operands, attributes, { outputs, name: 'scan_grad' })
  }
}

function walks(prefix: string, list: readonly Walk[]) {
  return {
    [`${prefix}_axes`]: list.map((w) => w.axis),
    [`${prefix}_directions`]: list.map((w) => w.direction),
  }
}

/** A `Loop` that looks the elements up. Stacks of a `Loop` lie along the first axis, and it stacks no gradients. */
export class LoopWalker implements Walker {
  readonly isPaced = true
  private readonly iteration: Value
  private readonly goes: Value
  private index: Value | undefined

  /**
   * @param length makes the number of iterations, an int64 scalar
   */
  constructor(
    private readonly outer: Builder,
    private readonly inner: Builder,
    private readonly length: () => Value,
  ) {
    this.iteration = inner.graph.addInput(new Value('iteration', tensorType('int64', [])))
    this.goes = inner.graph.addInput(new Value('goes', tensorType('bool', [])))
  }

  slice({ value }: Scanned, like: Value): Value {
    const { outer, inner } = this
    this.index ??= inner.sub(outer.sub(this.length(), outer.scalar('int64', 1)), this.iteration)
    const element = inner.emit('Gather', [value, this.index], { axis: 0 }, { name: like.name })
    element.type = like.type!
    return element
  }

  finishBody(carried: readonly Carried[]): void {
    addResult(this.inner.graph, this.goes, this.inner)
    for (const { next } of carried) addResult(this.inner.graph, next, this.inner)
  }

  emit(carried: readonly Carried[]): Value[] {
    const { outer } = this
    const body = this.inner.graph
    for (const { value } of carried) body.addInput(value)
    return outer.emitAll(
      'Loop',
      [this.length(), outer.scalar('bool', 1), ...carried.map((c) => c.initial)],
      { body: { type: 'graph', value: body } },
      { outputs: carried.length, name: 'loop_grad' },
    )
  }
}
