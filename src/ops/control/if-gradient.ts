/** The gradient of `If`: another `If` on the same condition, which reads what the branch that was taken has computed. */
import { Builder } from '../../builder.js'
import { prepareInitializer } from '../../infer.js'
import { Graph, Value, type Node } from '../../ir.js'
import type { GradContext, GradRule } from '../../op.js'
import { Tensor } from '../../tensor.js'
import type { TensorType } from '../../types.js'
import { addResult, bodyOf, isKnownAround, readThrough } from './nested.js'

/** One branch with its backward. */
interface Branch {
  readonly forward: Graph
  readonly backward: Graph
  readonly b: Builder
  /** Gradients of captured values. */
  readonly found: ReadonlyMap<Value, Value>
}

/**
 * dv = If(condition) { dv of the then branch } else { dv of the else branch } for every captured v; zeros in the branch that
 * does not depend on v. The forward `If` also returns what the backward reads: of the branch that is not taken, empty
 * tensors.
 */
export const ifGradient: GradRule = (node, g) => {
  const branches = ['then_branch', 'else_branch'].map((name) => differentiate(bodyOf(node, name)!, node, g))
  const reached = g.nested.captured.filter((v) => branches.some(({ found }) => found.has(v)))
  if (reached.length > 0) {
    const main = g.b.model.graph
    for (const [i, branch] of branches.entries()) {
      for (const v of reached)
        addResult(branch.backward, branch.found.get(v) ?? branch.b.full(v.type!, 0), branch.b)
      const other = branches[1 - i]!.forward
      readThrough(branch.forward, branch.backward, main, (v) => exposed(v, node, branch.forward, other, g))
    }
    const graphs = branches.map(({ backward }) => ({ type: 'graph', value: backward }) as const)
    const gradients = g.b.emitAll(
      'If',
      [node.input(0)],
      { then_branch: graphs[0], else_branch: graphs[1] },
      { outputs: reached.length, name: 'if_grad' },
    )
    reached.forEach((v, i) => {
      gradients[i]!.type = v.type!
      g.nested.contribute(v, gradients[i]!)
    })
  }
  return node.inputs.map(() => null)
}

function differentiate(forward: Graph, node: Node, g: GradContext): Branch {
  const backward = new Graph(`${forward.name}_grad`)
  const b = new Builder(g.b.model, backward, g.b.table)
  const cotangents = node.outputs.map((_, i) => (g.has(i) ? g.dy(i) : null))
  return { forward, backward, b, found: g.nested.differentiate(forward, b, cotangents, g.nested.captured) }
}

/**
 * A branch's value outside of it: a result that there is already, or a further one. The other branch returns an empty tensor,
 * or zeros within a loop, which stacks what its iterations return.
 */
function exposed(value: Value, node: Node, branch: Graph, other: Graph, g: GradContext): Value {
  const at = branch.outputs.indexOf(value)
  if (at >= 0) return node.output(at)
  const { model, table } = g.b
  const b = new Builder(model, other, table)
  addResult(branch, value, new Builder(model, branch, table))
  const isStacked = isInLoop(node) && value.type!.shape?.every((d) => isKnownAround(d, branch, model))
  addResult(other, isStacked ? b.full(value.type!, 0) : emptyOf(value.type!, model.graph), b)
  return node.addOutput(new Value(value.name || 'saved', value.type))
}

function isInLoop(node: Node): boolean {
  for (let owner = node.graph?.owner; owner; owner = owner.graph?.owner)
    if (owner.op === 'Loop' || owner.op === 'Scan') return true
  return false
}

function emptyOf(type: TensorType, main: Graph): Value {
  const shape = (type.shape ?? []).map((d, i) => (i === 0 ? 0 : (d.constant ?? 1)))
  const empty = shape.length === 0 ? Tensor.of(type.dtype, [], [0]) : Tensor.of(type.dtype, shape, [])
  const value = main.addInitializer('empty', empty)
  prepareInitializer(value)
  return value
}
