/** The condition under which each backward node has to run: what it computes is present, and somebody present reads it. */
import { Node, type Graph, type Value } from '../../src/ir.js'
import { outermost, topologicalOrder } from '../../src/order.js'
import { KNOWN_LIMIT } from '../../src/infer.js'
import { Condition } from '../condition.js'
import { Presence } from '../presence.js'

/** Conditions of backward nodes. */
export interface Execution {
  readonly presence: Presence
  /** Never `never`: dead nodes are not in it. */
  readonly conditions: Map<Node, Condition>
}

/**
 * @param isBackward whether a node of the main graph was emitted by differentiation
 * @param gates the keep inputs, numbered as conditions number them
 */
export function executionOf(
  graph: Graph,
  isBackward: (node: Node) => boolean,
  gates: readonly Value[],
): Execution {
  const order = topologicalOrder(graph)
  const presence = new Presence(gates)
  for (const node of order) presence.visit(node)
  const host = hostNodes(order)
  const conditions = new Map<Node, Condition>()
  for (const node of order.reverse()) {
    if (!isBackward(node)) continue
    const condition = host.has(node) ? Condition.always : demandOf(node, presence, conditions)
    if (!condition.isNever) conditions.set(node, condition)
  }
  return { presence, conditions }
}

function demandOf(node: Node, presence: Presence, conditions: ReadonlyMap<Node, Condition>): Condition {
  const demand = node.outputs.flatMap((output) =>
    [...output.uses].map(({ user }) =>
      user instanceof Node ? (conditions.get(outermost(user)) ?? Condition.never) : presence.of(output),
    ),
  )
  return Condition.any(demand).and(Condition.any(node.outputs.map((output) => presence.of(output))))
}

/** Nodes that compute from dimensions and small constants alone: they cost nothing and belong to no branch. */
export function hostNodes(order: readonly Node[]): Set<Node> {
  const host = new Set<Node>()
  const isHost = (v: Value): boolean =>
    v.producer ? host.has(v.producer) : v.isInitializer && v.data!.size <= KNOWN_LIMIT
  for (const node of order) {
    const inputs = node.inputs.filter((v) => v !== null)
    const ofInput = node.op === 'Shape' && !inputs[0]!.producer
    if (node.subgraphs.length === 0 && (ofInput || (inputs.length > 0 && inputs.every(isHost))))
      host.add(node)
  }
  return host
}
