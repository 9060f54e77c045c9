/** Gives every value its type. */
import { CompileError, Problems } from '../src/errors.js'
import { bindInputDims, inferGraph } from '../src/infer.js'
import type { Model, Node } from '../src/ir.js'
import type { OpTable } from '../src/op.js'
import { whyUndefined } from '../src/ops/undefined.js'
import { allGraphs } from '../src/order.js'
import type { Pass } from './pass.js'
import { moduleScope } from './scopes.js'

export const inferTypes: Pass = {
  name: 'infer-types',
  purpose:
    'Gives every value its type, with symbolic dimensions, and small integer tensors their known elements.',
  needs: 'the canonical form',
  leaves: 'every value typed; every open dimension bound to where it can be read at run time',
  run({ model, table }) {
    const problems = new Problems()
    problems.attempt(() => refuseUnsupported(model, table))
    problems.attempt(() => refuseOpenInputs(model))
    problems.throwAny()
    inferModel(model, table)
  },
}

/** Infers all types from those of the model's inputs, and binds their dimensions anew. */
export function inferModel(model: Model, table: OpTable): void {
  model.dimSources.clear()
  bindInputDims(model)
  inferGraph(model.graph, model, table)
}

/** @throws CompileError `unsupported-operator`, naming all of them */
function refuseUnsupported(model: Model, table: OpTable): void {
  const found = new Map<string, Node[]>()
  for (const graph of allGraphs(model.graph))
    for (const node of graph.nodes) {
      if (table.find(node)) continue
      const same = found.get(node.qualifiedOp) ?? []
      found.set(node.qualifiedOp, same)
      same.push(node)
    }
  if (found.size === 0) return
  const lines = [...found].map(([op, nodes]) => {
    const why = whyUndefined(op)
    return `  ${op}: ${describeNodes(nodes)}${why ? `; ${why}` : ''}`
  })
  throw new CompileError(
    'unsupported-operator',
    `the compiler has no definition of ${found.size === 1 ? 'an operator' : `${found.size} operators`} of this model:\n` +
      `${lines.join('\n')}\n` +
      'Export the model without them, or define them: dropbp-compile --rules <module>, or table.with({ ... }) from a program.',
  )
}

/** @throws CompileError `unknown-rank`, `input-not-tensor` */
function refuseOpenInputs(model: Model): void {
  const list = model.graph.inputs.find((v) => v.type?.dtype === 'other' && !v.type.shape)
  if (list) {
    throw new CompileError(
      'input-not-tensor',
      `the model's input "${list.name}" is a sequence, an optional or a map; export the model with tensors for inputs`,
    )
  }
  const open = model.graph.inputs.filter((v) => !v.type?.shape)
  if (open.length === 0) return
  throw new CompileError(
    'unknown-rank',
    `the model does not say how many axes ${open.map((v) => `"${v.name}"`).join(', ')} ${open.length > 1 ? 'have' : 'has'}; ` +
      'export it again with the shapes of its inputs',
  )
}

const NODES_NAMED = 5

function describeNodes(nodes: readonly Node[]): string {
  const named = nodes.slice(0, NODES_NAMED).map((node) => {
    const scope = moduleScope(node)
    const name = node.name ? `"${node.name}"` : `unnamed, of output "${node.outputs[0]?.name}"`
    return `${name}${scope ? ` in ${scope}` : ''}`
  })
  if (nodes.length > NODES_NAMED) named.push(`${nodes.length - NODES_NAMED} more`)
  return `${nodes.length} node${nodes.length === 1 ? '' : 's'}: ${named.join(', ')}`
}
