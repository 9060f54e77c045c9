/** Sums that may be residual: trees of additions, flattened into their terms. */
import { Node, type Value } from '../../src/ir.js'
import { topologicalOrder } from '../../src/order.js'
import type { Flow } from './flow.js'

/** One operand of a flattened sum: what is added, and the addition that reads it. */
export interface Term {
  readonly value: Value
  readonly sum: Node
}

/** A tree of additions whose inner sums have one reader each. */
export interface ResidualSum {
  readonly root: Node
  readonly terms: readonly Term[]
}

/** The sums of a graph, in topological order. */
export function residualSums(flow: Flow): ResidualSum[] {
  const sums = topologicalOrder(flow.graph).filter((node) => isSum(node, flow))
  const known = new Set(sums)
  return sums
    .filter((node) => !isInner(node, known, flow))
    .map((root) => ({ root, terms: termsOf(root, known, flow) }))
}

/** An addition with a weight or constant among its operands is part of its term, or a bias would escape the gate. */
function isSum(node: Node, flow: Flow): boolean {
  return isAddition(node) && whyNoSum(node, flow) === undefined
}

/** Whether a node adds two values or more. */
export function isAddition(node: Node): boolean {
  return node.domain === '' && (node.op === 'Add' || node.op === 'Sum') && node.inputs.length > 1
}

/** Why an addition is none of values that carry gradients; undefined where it is one. */
export function whyNoSum(node: Node, flow: Flow): string | undefined {
  if (!flow.nodes.has(node)) return 'no gradient of the loss passes through it'
  const operands = node.inputs as readonly Value[]
  if (operands.some(isWeight)) return 'it adds a weight or a constant'
  const carries = operands.every((v) => flow.differentiable.has(v))
  return carries ? undefined : 'an operand of it carries no gradient: a mask or a position, say'
}

/** Whether a value is an initializer, or a view of one. */
function isWeight(value: Value): boolean {
  let v = value
  while (v.producer && VIEWS.has(v.producer.op)) v = v.producer.input(0)
  return v.isInitializer
}

const VIEWS: ReadonlySet<string> = new Set([
  'Cast',
  'Identity',
  'Reshape',
  'Squeeze',
  'Transpose',
  'Unsqueeze',
])

function isInner(node: Node, sums: ReadonlySet<Node>, flow: Flow): boolean {
  const [use, ...others] = flow.usesOf(node.output())
  return use !== undefined && others.length === 0 && use.user instanceof Node && sums.has(use.user)
}

function termsOf(root: Node, sums: ReadonlySet<Node>, flow: Flow): Term[] {
  const terms: Term[] = []
  const pending = [root]
  while (pending.length > 0) {
    const sum = pending.pop()!
    for (const value of sum.inputs as readonly Value[]) {
      const inner = value.producer
      if (inner && sums.has(inner) && isInner(inner, sums, flow)) pending.push(inner)
      else terms.push({ value, sum })
    }
  }
  return terms
}

/** Values from a term down through casts and scalings; the residual stream may be read at any of them. */
export function skipChain(term: Value, flow: Flow): Value[] {
  const chain = [term]
  for (let next = below(term, flow); next; next = below(next, flow)) chain.push(next)
  return chain
}

function below(value: Value, flow: Flow): Value | undefined {
  const node = value.producer
  if (!node || node.domain !== '' || node.graph !== flow.graph) return undefined
  const [a, b] = node.inputs
  if (node.op === 'Cast' || node.op === 'Identity' || node.op === 'Dropout') return a ?? undefined
  const varies = (v: Value | null | undefined) => v && flow.differentiable.has(v)
  if (node.op === 'Div') return varies(b) ? undefined : (a ?? undefined)
  if (node.op !== 'Mul' || (varies(a) && varies(b))) return undefined
  return (varies(a) ? a : b) ?? undefined
}
