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
  private readonly ready = new Map<string, Node[]>()
  private readonly left = new Map<string, { condition: Condition; count: number }>()

  constructor(private readonly conditions: ReadonlyMap<Node, Condition>) {
    this.remaining = conditions.size
    for (const [node, condition] of conditions) {
      const producers = new Set([...reads(node)].map((v) => v.producer).filter((p) => p && conditions.has(p)))
      this.waiting.set(node, producers.size)
      for (const p of producers) this.readers.set(p!, [...(this.readers.get(p!) ?? []), node])
      const entry = this.left.get(condition.key) ?? { condition, count: 0 }
      entry.count++
      this.left.set(condition.key, entry)
      if (producers.size === 0) this.push(node)
    }
  }

  isReady(condition: Condition): boolean {
    return (this.ready.get(condition.key)?.length ?? 0) > 0
  }

  /** Takes every node of a condition that can run with others of the same condition. */
  drain(condition: Condition): Node[] {
    const nodes: Node[] = []
    const queue = this.ready.get(condition.key) ?? []
    for (let node = queue.shift(); node; node = queue.shift()) {
      nodes.push(node)
      for (const reader of this.readers.get(node) ?? []) {
        this.waiting.set(reader, this.waiting.get(reader)! - 1)
        if (this.waiting.get(reader) === 0) this.push(reader)
      }
    }
    this.left.get(condition.key)!.count -= nodes.length
    this.remaining -= nodes.length
    return nodes
  }

  /** The condition to drain next. */
  next(): Condition {
    const open = [...this.left.values()].filter((e) => this.isReady(e.condition))
    open.sort((a, b) => compare(a.condition, b.condition))
    const whole = open.find((e) => this.reachable(e.condition) === e.count)
    return (whole ?? open[0] ?? unreachable('the backward graph has a cycle')).condition
  }

  /** How many nodes a drain would take. */
  private reachable(condition: Condition): number {
    const queue = [...(this.ready.get(condition.key) ?? [])]
    const waiting = new Map<Node, number>()
    let count = 0
    for (let node = queue.pop(); node; node = queue.pop()) {
      count++
      for (const reader of this.readers.get(node) ?? []) {
        if (!this.conditions.get(reader)!.equals(condition)) continue
        const left = (waiting.get(reader) ?? this.waiting.get(reader)!) - 1
        waiting.set(reader, left)
        if (left === 0) queue.push(reader)
      }
    }
    return count
  }

  private push(node: Node): void {
    const key = this.conditions.get(node)!.key
    const queue = this.ready.get(key)
    if (queue) queue.push(node)
    else this.ready.set(key, [node])
  }
}

function compare(a: Condition, b: Condition): number {
  const length = Math.min(a.terms.length, b.terms.length)
  for (let i = 0; i < length; i++) if (a.terms[i] !== b.terms[i]) return a.terms[i]! < b.terms[i]! ? -1 : 1
  return a.terms.length - b.terms.length
}
