/** Reference interpreter: runs a graph in float64 by the operators' own `evaluate`, whatever the element types. */
import { CompileError } from './errors.js'
import { evaluateLoop, evaluateScan } from './evaluate-loops.js'
import type { Graph, Node, Value } from './ir.js'
import type { NdArray, OpTable } from './op.js'
import { reads, topologicalOrder } from './order.js'
import type { Tensor } from './tensor.js'

/** Arrays by value. */
export type Arrays = Map<Value, NdArray>

/**
 * Evaluates what the wanted values depend on; of an `If`, only the branch that its condition chooses.
 * @param feeds arrays for the graph's inputs, and for any other value that is not to be computed
 * @returns the arrays of everything that was evaluated, the wanted values among it
 * @throws CompileError `not-evaluable` where an operator has no reference semantics or an input no array
 */
export function evaluateGraph(
  graph: Graph,
  feeds: ReadonlyMap<Value, NdArray>,
  table: OpTable,
  wanted: readonly Value[] = graph.outputs,
): Arrays {
  const arrays: Arrays = new Map(feeds)
  run(graph, arrays, table, wanted)
  return arrays
}

/** A tensor's elements as an array. */
export function arrayOf(tensor: Tensor): NdArray {
  return { dtype: tensor.dtype, shape: tensor.shape, data: tensor.numbers() }
}

function run(graph: Graph, arrays: Arrays, table: OpTable, wanted: readonly Value[]): NdArray[] {
  const needed = ancestors(graph, arrays, wanted)
  for (const node of topologicalOrder(graph)) {
    if (!needed.has(node)) continue
    evaluateNode(node, arrays, table).forEach((array, i) => {
      const output = node.outputs[i]
      if (output) arrays.set(output, array)
    })
  }
  return wanted.map((v) => lookUp(v, arrays))
}

/** The nodes of this graph that the wanted values depend on and that are not given. */
function ancestors(graph: Graph, given: ReadonlyMap<Value, NdArray>, wanted: readonly Value[]): Set<Node> {
  const found = new Set<Node>()
  const pending = [...wanted]
  while (pending.length > 0) {
    const value = pending.pop()!
    const node = value.producer
    if (!node || node.graph !== graph || found.has(node) || given.has(value)) continue
    found.add(node)
    pending.push(...reads(node))
  }
  return found
}

function evaluateNode(node: Node, arrays: Arrays, table: OpTable): readonly NdArray[] {
  if (node.op === 'If' && node.domain === '') {
    const [chosen] = lookUp(node.input(0), arrays).data
    const branch = node.attributes.get(chosen ? 'then_branch' : 'else_branch')
    if (branch?.type === 'graph') return run(branch.value, arrays, table, branch.value.outputs)
  }
  const operands = node.inputs.map((v) => (v ? lookUp(v, arrays) : undefined))
  if (node.op in LOOPS && node.domain === '')
    return LOOPS[node.op as keyof typeof LOOPS](node, operands, (body, inputs) => {
      const inner = new Map(arrays)
      body.inputs.forEach((v, i) => inner.set(v, inputs[i]!))
      return run(body, inner, table, body.outputs)
    })
  const evaluate = table.find(node)?.evaluate
  if (!evaluate) {
    throw new CompileError(
      'not-evaluable',
      `${node.qualifiedOp} (node "${node.name}") has no reference semantics; add \`evaluate\` to its definition (src/ops, or the module of --rules)`,
    )
  }
  return evaluate(node, operands)
}

const LOOPS = { Loop: evaluateLoop, Scan: evaluateScan }

function lookUp(value: Value, arrays: Arrays): NdArray {
  const found = arrays.get(value)
  if (found) return found
  if (!value.data) throw new CompileError('not-evaluable', `"${value.name}" was given no array`)
  const array = arrayOf(value.data)
  arrays.set(value, array)
  return array
}
