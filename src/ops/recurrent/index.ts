/** LSTM, GRU and RNN: type rules; they are differentiated step by step. */
import { Expr } from '../../expr.js'
import type { Node } from '../../ir.js'
import type { InferContext, Inferred, OpDef } from '../../op.js'
import { cells, type Cell } from './cells.js'
import { lowerRecurrent } from './lower.js'
import { typeOf } from '../support/shapes.js'

/** Y [sequence, directions, batch, hidden], then final states [directions, batch, hidden]; batch first with `layout` 1. */
function inferRecurrent(node: Node, ctx: InferContext): Inferred[] {
  const { dtype, shape } = typeOf(node.inputs[0])
  const directions = Expr.of(node.string('direction', 'forward') === 'bidirectional' ? 2 : 1)
  const hidden = hiddenSize(node)
  const batchFirst = node.int('layout', 0) === 1
  return node.outputs.map((_, i) => {
    const size = hidden ?? ctx.unknownDim(i, i === 0 ? 3 : 2)
    if (!shape) return { type: { dtype } }
    const [length, batch] = batchFirst ? [shape[1]!, shape[0]!] : [shape[0]!, shape[1]!]
    if (i > 0)
      return { type: { dtype, shape: batchFirst ? [batch, directions, size] : [directions, batch, size] } }
    const dims = batchFirst ? [batch, length, directions, size] : [length, directions, batch, size]
    return { type: { dtype, shape: dims } }
  })
}

/** The attribute, or the last dimension of the recurrence weights [directions, gates·hidden, hidden]. */
function hiddenSize(node: Node): Expr | undefined {
  const given = node.int('hidden_size', 0)
  return given > 0 ? Expr.of(given) : typeOf(node.inputs[2]).shape?.[2]
}

const define = (cell: Cell): OpDef => ({
  infer: inferRecurrent,
  grad: 'none',
  lower: (node, b) => lowerRecurrent(node, b, cell),
})

/** Definitions of the recurrent operators. */
export const recurrent = {
  LSTM: define(cells.LSTM),
  GRU: define(cells.GRU),
  RNN: define(cells.RNN),
} satisfies Record<string, OpDef>
