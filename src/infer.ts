/** Runs type rules over nodes: types, symbolic dimensions, and known elements of small integer tensors. */
import { Expr } from './expr.js'
import type { Graph, Model, Node, Value } from './ir.js'
import { runRule, invalid, type InferContext, type Inferred, type OpTable } from './op.js'
import { topologicalOrder } from './order.js'
import { isFloat, type TensorType } from './types.js'

/** Integer tensors up to this many elements are followed symbolically. */
export const KNOWN_LIMIT = 1024

/** Sets the types (and known elements) of a node's outputs; leaves them alone where the operator has no rule. */
export function inferNode(node: Node, model: Model, table: OpTable): void {
  const def = table.find(node)
  if (!def) return
  const ctx: InferContext = {
    model,
    unknownDim: (output, axis) => openDim(model, node.output(output), axis),
  }
  runRule(node, () => def.infer(node, ctx)).forEach((inferred, i) => {
    const value = node.outputs[i]
    if (!value) return
    checkInferred(node, inferred)
    value.type = inferred.type
    value.known = inferred.known && inferred.known.length <= KNOWN_LIMIT ? inferred.known : undefined
  })
}

/** No array has more axes. */
const MAX_RANK = 64

/** @throws CompileError `invalid-node` for shapes that no tensor has */
function checkInferred(node: Node, { type: { shape }, known }: Inferred): void {
  if (known?.includes(undefined as never)) throw invalid(node, 'indices within the data', 'others')
  if (!shape) return
  if (shape.some((d: Expr | undefined) => !d || (d.constant ?? 0) < 0))
    throw invalid(node, 'operands with a result', `a result of shape [${shape}]`)
  if (shape.length > MAX_RANK)
    throw invalid(node, `a result of at most ${MAX_RANK} axes`, String(shape.length))
  const size = shape.reduce((n, d) => n * (d.constant ?? 1), 1)
  if (size > Number.MAX_SAFE_INTEGER) throw invalid(node, 'a result that a computer can hold', `[${shape}]`)
}

/** Infers all nodes of a graph in order; types of inputs and initializers are given. */
export function inferGraph(graph: Graph, model: Model, table: OpTable): void {
  for (const value of graph.initializers) prepareInitializer(value)
  for (const node of topologicalOrder(graph)) {
    inferNested(node, model, table)
    inferNode(node, model, table)
  }
}

/** Infers nested graphs, again where what an iteration returns is less certain than what it was given. */
function inferNested(node: Node, model: Model, table: OpTable): void {
  if (node.subgraphs.length === 0) return
  const bind = table.find(node)?.bind
  bind?.(node, model, 'initial')
  do for (const [, inner] of node.subgraphs) inferGraph(inner, model, table)
  while (bind?.(node, model, 'again'))
}

/** Gives an initializer its type and, where it is a small integer tensor, its known elements. */
export function prepareInitializer(value: Value): void {
  const data = value.data!
  value.type = { dtype: data.dtype, shape: data.shape.map(Expr.of) }
  const readable = !isFloat(data.dtype) && data.dtype !== 'string' && data.dtype !== 'other'
  if (readable && data.size <= KNOWN_LIMIT && !value.known) value.known = [...data.numbers()].map(Expr.of)
}

/** Gives every named dimension of the graph's inputs the place where it can be read at run time. */
export function bindInputDims(model: Model): void {
  for (const value of model.graph.inputs) {
    value.type?.shape?.forEach((dim, axis) => {
      const name = String(dim)
      if (dim.constant === undefined && !model.dimSources.has(name))
        model.dimSources.set(name, { value, axis })
    })
  }
}

/** A symbol for a dimension nobody can know before the run, bound to where it can be read then. */
export function openDim(model: Model, value: Value, axis: number): Expr {
  const old = (value.type as TensorType | undefined)?.shape?.[axis]
  if (old && model.dimSources.get(String(old))?.value === value) return old
  let n = model.dimSources.size
  while (model.dimSources.has(`unknown_${n}`)) n++
  model.dimSources.set(`unknown_${n}`, { value, axis })
  return Expr.symbol(`unknown_${n}`)
}
