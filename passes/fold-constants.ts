/** Computes what the shapes and constants of a model already tell. */
import { inferNode } from '../src/infer.js'
import { Graph, type Model, type Node, type Value } from '../src/ir.js'
import type { OpTable } from '../src/op.js'
import { reads, removeDeadNodes, topologicalOrder } from '../src/order.js'
import { isFloat } from '../src/types.js'
import { inlineKnownIf } from './canonical/branches.js'
import { mayBeParameter } from './canonical/constants.js'
import { replaceOutput } from './canonical/replace.js'
import { becomeInitializer, evaluateNode, knownTensor } from './folding/evaluate.js'
import { inferModel } from './infer-types.js'
import { dropEmptyOperands, isNoOp } from './folding/no-ops.js'
import { ShapeReader } from './folding/shapes.js'
import type { Pass } from './pass.js'
import { shareCommon } from './rewrites/common.js'

export const foldConstants: Pass = {
  name: 'fold-constants',
  purpose:
    'Computes what shapes and constants already tell: shape arithmetic, constant subgraphs, movement that moves nothing.',
  needs: 'types and known elements',
  leaves:
    'shape operands that are constants or computed from the dimensions of the model inputs; no shape of an activation is read',
  run({ model, table }) {
    new Folder(model, table).fold(model.graph)
    removeDeadNodes(model.graph)
    const computed = computedFromData(model.graph, table)
    shareCommon(model, mayBeParameter, (node) => !node.outputs.some((v) => computed.has(v)))
    // Dimensions may have been read off values that are gone.
    inferModel(model, table)
  },
}

class Folder {
  constructor(
    private readonly model: Model,
    private readonly table: OpTable,
  ) {}

  fold(graph: Graph): void {
    const shapes = new ShapeReader(this.model, graph, this.table)
    const pending = topologicalOrder(graph).reverse()
    while (pending.length > 0) {
      const node = pending.pop()!
      if (node.graph !== graph || node.outputs.every((v) => v.uses.size === 0)) continue
      const taken = inlineKnownIf(node)
      if (taken) {
        for (const inner of taken) inferNode(inner, this.model, this.table)
        pending.push(...taken.reverse())
      } else if (!this.replace(node)) {
        shapes.detach(node)
        for (const [, inner] of node.subgraphs) this.fold(inner)
      }
    }
  }

  /** Replaces a node by constants or by its operand; false where it stays. */
  private replace(node: Node): boolean {
    dropEmptyOperands(node)
    if (isNoOp(node) && replaceOutput(node.output(), node.input(0))) return true
    if (node.outputs.some(isResult)) return false
    const tensors = this.constants(node)
    if (!tensors) return false
    node.outputs.forEach((v, i) => tensors[i] && becomeInitializer(v, tensors[i]))
    return true
  }

  private constants(node: Node) {
    const known = node.outputs.map(knownTensor)
    if (known.every((t) => t !== undefined)) return known
    return evaluateNode(node, this.table, (v) => v.isInitializer && !mayBeParameter(v))
  }
}

function isResult(value: Value): boolean {
  return [...value.uses].some((use) => use.user instanceof Graph)
}

/** Values that gradients may flow through: floats that depend on weights or on float inputs. */
function computedFromData(graph: Graph, table: OpTable): Set<Value> {
  const found = new Set<Value>([...graph.inputs, ...graph.initializers].filter((v) => isFloat(v.type?.dtype)))
  for (const value of graph.initializers) if (!mayBeParameter(value)) found.delete(value)
  for (const node of topologicalOrder(graph)) {
    const cut = table.find(node)?.grad === 'none'
    if (cut || ![...reads(node)].some((v) => found.has(v))) continue
    for (const v of node.outputs) if (isFloat(v.type?.dtype)) found.add(v)
  }
  return found
}
