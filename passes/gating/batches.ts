/** Schedules backward nodes so that each condition comes in as few batches as its dependencies allow: one `If` a batch. */
import type { Node } from '../../src/ir.js'
import { unreachable } from '../../src/errors.js'
import { reads } from '../../src/order.js'
import { Condition } from '../condition.js'

/** Nodes that run together under one condition, in an order in which producers precede readers. */
export interface Batch {
  readonly condition: Condition
  readonly nodes: Node[]
}

/**
 * Drains the current condition completely, then everything unconditional, then the condition that can be emptied
 * entirely, lowest first. Acyclic by construction: a batch reads only earlier ones.
 */
export function scheduleBatches(conditions: ReadonlyMap<Node, Condition>): Batch[] {
  const scheduler = new Scheduler(conditions)
  const batches: Batch[] = []
  while (scheduler.remaining > 0) {
    const condition = scheduler.isReady(Condition.always) ? Condition.always : scheduler.next()
    batches.push({ condition, nodes: scheduler.drain(condition) })
  }
  return batches
}

class Scheduler {
  remaining: number
  private readonly waiting = new Map<Node, number>()
  private readonly readers = new Map<Node, Node[]>()
  private readonly ready = new Map<Condition, Node[]>()
  private readonly left = new Map<Condition, number>()

  constructor(private readonly conditions: ReadonlyMap<Node, Condition>) {
    this.remaining = conditions.size
    for (const [node, condition] of conditions) {
      const producers = new Set([...reads(node)].map((v) => v.producer).filter((p) => p && conditions.has(p)))
      this.waiting.set(node, producers.size)
      for (const p of producers) append(this.readers, p!, node)
      this.left.set(condition, (this.left.get(condition) ?? 0) + 1)
      if (producers.size === 0) this.push(node)
    }
  }

  isReady(condition: Condition): boolean {
    return (this.ready.get(condition)?.length ?? 0) > 0
  }

  /** Takes every node of a condition that can run with others of the same condition. */
  drain(condition: Condition): Node[] {
    const nodes: Node[] = []
    const queue = this.ready.get(condition) ?? []
    for (let node = queue.shift(); node; node = queue.shift()) {
      nodes.push(node)
      for (const reader of this.readers.get(node) ?? []) {
        this.waiting.set(reader, this.waiting.get(reader)! - 1)
        if (this.waiting.get(reader) === 0) this.push(reader)
      }
    }
    this.left.set(condition, this.left.get(condition)! - nodes.length)
    this.remaining -= nodes.length
    return nodes
  }

  /** The condition to drain next. */
  next(): Condition {
    const open = [...this.ready.keys()].filter((c) => this.isReady(c)).sort(compare)
    const whole = open.find((c) => this.reachable(c) === this.left.get(c))
    return whole ?? open[0] ?? unreachable('the backward graph has a cycle')
  }

  /** How many nodes a drain would take. */
  private reachable(condition: Condition): number {
    const queue = [...(this.ready.get(condition) ?? [])]
    const waiting = new Map<Node, number>()
    let count = 0
    for (let node = queue.pop(); node; node = queue.pop()) {
      count++
      for (const reader of this.readers.get(node) ?? []) {
        if (this.conditions.get(reader) !== condition) continue
        const left = (waiting.get(reader) ?? this.waiting.get(reader)!) - 1
        waiting.set(reader, left)
        if (left === 0) queue.push(reader)
      }
    }
    return count
  }

  private push(node: Node): void {
    append(this.ready, this.conditions.get(node)!, node)
  }
}

function append<K>(lists: Map<K, Node[]>, key: K, node: Node): void {
  const list = lists.get(key)
  if (list) list.push(node)
  else lists.set(key, [node])
}

/** By the conjunctions, one after the other; of two of them, by the highest gate in which they differ. */
function compare(a: Condition, b: Condition): number {
  if (a === b) return 0
  const others = b.conjunctions()
  for (const gates of a.conjunctions()) {
    const other = others.next()
    if (other.done) return 1
    const order = compareGates(gates, other.value)
    if (order !== 0) return order
  }
  return -1
}

function compareGates(a: readonly number[], b: readonly number[]): number {
  for (let i = 1; i <= Math.min(a.length, b.length); i++)
    if (a.at(-i) !== b.at(-i)) return a.at(-i)! - b.at(-i)!
  return a.length - b.length
}
