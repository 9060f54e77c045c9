/** Regions: the nodes that serve given operands and nothing else. */
import type { Node, Value } from '../../src/ir.js'
import { operandsOf, type Flow } from './flow.js'

/**
 * The nodes all of whose differentiable paths to the loss pass through given reads, one entry of `through` for each read.
 * Adds a node once all its uses are accounted for, last nodes first, so that the cost is that of the region.
 */
export function differentiableRegion(flow: Flow, through: readonly Value[]): Set<Node> {
  const region = new Set<Node>()
  const accounted = new Map<Node, number>()
  const pending = through.filter((v) => flow.differentiable.has(v))
  while (pending.length > 0) {
    const node = pending.pop()!.producer
    if (!node || node.graph !== flow.graph) continue
    const n = (accounted.get(node) ?? 0) + 1
    accounted.set(node, n)
    if (n < flow.outDegree(node)) continue
    region.add(node)
    for (const operand of operandsOf(node)) if (flow.differentiable.has(operand)) pending.push(operand)
  }
  return region
}

/** Differentiable values that a region reads from outside, initializers apart. */
export function boundaryOf(region: ReadonlySet<Node>, flow: Flow): Set<Value> {
  const boundary = new Set<Value>()
  for (const node of region)
    for (const value of operandsOf(node)) {
      const inside = value.producer !== null && region.has(value.producer)
      if (!inside && !value.isInitializer && flow.differentiable.has(value)) boundary.add(value)
    }
  return boundary
}
