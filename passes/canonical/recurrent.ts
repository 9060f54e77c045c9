/** Weights of LSTM, GRU and RNN: exporters join and reorder the framework's, and name the result anew. */
import type { Model, Node } from '../../src/ir.js'
import { isGenerated } from '../parameters/spelling.js'
import { moduleScope } from '../scopes.js'

/** What operands are to a recurrent operator, by their place. */
const ROLES: Readonly<Record<number, string>> = { 1: 'W', 2: 'R', 3: 'B', 7: 'P' }

const RECURRENT: ReadonlySet<string> = new Set(['LSTM', 'GRU', 'RNN'])

/**
 * Names weights without a name after their module, as the ONNX standard names the operands: `encoder.lstm.W_l0`,
 * `encoder.lstm.R_l0`, …, with a number for each operator of the module.
 */
export function nameRecurrentWeights(node: Node, model: Model): void {
  if (!RECURRENT.has(node.op) || node.domain !== '') return
  const scope = moduleScope(node) || node.op.toLowerCase()
  const taken = new Set([...model.graph.initializers].map((v) => v.name))
  let layer = 0
  while (taken.has(`${scope}.W_l${layer}`)) layer++
  node.inputs.forEach((value, i) => {
    const role = ROLES[i]
    if (role && value?.isInitializer && isGenerated(value.name)) value.name = `${scope}.${role}_l${layer}`
  })
}
