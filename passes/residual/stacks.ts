/** The order of stacks of blocks: an encoder comes before the decoder that reads it, however the file's nodes are sorted. */
import type { Node } from '../../src/ir.js'
import { reads } from '../../src/order.js'

/** A branch of a stack: the sum that reads it, and the name of the stack. */
export interface Member {
  readonly sum: Node
  readonly stack: string
}

/**
 * Members with those of each stack together, a stack after all that it is computed from, else as they came. They stay as
 * they are where stacks take turns.
 * @param order nodes in topological order
 */
export function groupStacks<T extends Member>(members: readonly T[], order: Iterable<Node>): T[] {
  const stacks = [...new Set(members.map((m) => m.stack))]
  if (stacks.length < 2) return [...members]
  const sources = sourcesOf(members, order)
  const feeds = (a: string, b: string): boolean => a !== b && sources.get(b)!.has(a)
  const placed: string[] = []
  while (placed.length < stacks.length) {
    const open = stacks.filter((s) => !placed.includes(s))
    const next = open.find((s) => !open.some((other) => feeds(other, s)))
    if (next === undefined) return [...members]
    placed.push(next)
  }
  return placed.flatMap((stack) => members.filter((m) => m.stack === stack))
}

/** The stacks that each stack is computed from. */
function sourcesOf(members: readonly Member[], order: Iterable<Node>): Map<string, Set<string>> {
  const stackOf = new Map(members.map((m) => [m.sum, m.stack]))
  const sources = new Map(members.map((m) => [m.stack, new Set<string>()]))
  const before = new Map<Node, ReadonlySet<string>>()
  for (const node of order) {
    const found = new Set<string>()
    for (const { producer } of reads(node)) {
      if (!producer) continue
      for (const stack of before.get(producer) ?? []) found.add(stack)
    }
    const own = stackOf.get(node)
    if (own !== undefined) {
      for (const stack of found) sources.get(own)!.add(stack)
      found.add(own)
    }
    before.set(node, found)
  }
  return sources
}
