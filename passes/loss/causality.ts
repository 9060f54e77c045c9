/** Evidence that attention in a model sees no later position. */
import type { Graph, Node, Value } from '../../src/ir.js'
import { isFloat } from '../../src/types.js'
import { twoValued } from '../masks/two-valued.js'

/** Why the model's attention is causal, in words; undefined where nothing says so. */
export function findCausality(graph: Graph): string | undefined {
  for (const node of graph.nodes) {
    if (isCausalOperator(node)) return `${node.op} "${node.name}" is causal`
    if (node.op === 'Trilu') return `"${node.name}" is a triangular mask`
    if (comparesPositions(node)) return `"${node.name}" masks later positions`
  }
  for (const value of graph.initializers)
    if (isTriangular(value)) return `"${value.name}" is a triangular mask`
  return undefined
}

function isCausalOperator(node: Node): boolean {
  if (node.op === 'GroupQueryAttention') return true
  return /Attention$/.test(node.op) && (node.int('is_causal', 0) === 1 || node.int('unidirectional', 0) === 1)
}

/** A comparison of one row of integers with one column of integers. */
function comparesPositions(node: Node): boolean {
  if (!/^(Less|Greater)(OrEqual)?$/.test(node.op)) return false
  const [x, y] = node.inputs.map((v) => longAxes(v))
  return !!x && !!y && x.length === 1 && y.length === 1 && x[0] !== y[0]
}

/** Axes longer than 1 of an integer tensor, counted from the back. */
function longAxes(v: Value | null): number[] | undefined {
  const { shape, dtype } = v?.type ?? {}
  if (!shape || isFloat(dtype)) return undefined
  return shape.flatMap((d, i) => (d.constant === 1 ? [] : [i - shape.length]))
}

/** Square float constants are weights, unless they are added or chosen from. */
function isTriangular(value: Value): boolean {
  const { shape, dtype } = value.data!
  if (shape.length < 2 || shape.at(-1) !== shape.at(-2)) return false
  if (isFloat(dtype) && !value.users.every((n) => ['Add', 'Where', 'Slice'].includes(n.op))) return false
  return twoValued(value).where === 'causal'
}
