/** com.microsoft's rotary embedding with three positions a token (M-RoPE of Qwen2-VL, arXiv 2409.12191), by way of its parts. */
import type { Builder } from '../../builder.js'
import type { Node, Value } from '../../ir.js'
import { invalid, type OpDef } from '../../op.js'
import { apart, rotate } from '../rotary.js'
import { joinHeads } from '../attention/scaled-dot-product.js'
import { sameAsInput } from '../support/broadcast.js'
import { Expr } from '../../expr.js'
import { shapeOf } from '../support/shapes.js'

/** Which of the three positions turns each pair: sections one after the other, or height and width at every third pair. */
function streams(node: Node, pairs: number): number[] {
  const sections = node.ints('mrope_section') ?? [pairs, 0, 0]
  if (node.int('mrope_layout', 0) === 0) {
    const all = sections.flatMap((count, stream) => new Array<number>(count).fill(stream))
    if (all.length !== pairs) throw invalid(node, `sections of ${pairs} pairs together`, `[${sections}]`)
    return all
  }
  return Array.from({ length: pairs }, (_, i) => {
    const stream = i % 3
    return stream > 0 && i < 3 * sections[stream]! ? stream : 0
  })
}

/** Rows [3, B, S, pairs] of a table by the three positions, each pair's own taken: [B, 1, S, pairs]. */
function angles(node: Node, b: Builder, table: Value): Value {
  const pairs = shapeOf(node, table)[1]!.constant
  if (pairs === undefined) throw invalid(node, 'a static number of pairs', String(shapeOf(node, table)[1]))
  const rows = b.emit('Gather', [table, node.input(1)], { axis: 0 })
  const chosen = streams(node, pairs)
  const mask = [0, 1, 2].flatMap((stream) => chosen.map((s) => (s === stream ? 1 : 0)))
  const own = b.mul(rows, b.constant(rows.type!.dtype, [3, 1, 1, pairs], mask))
  const [, batch, length] = shapeOf(node, node.input(1)) as [Expr, Expr, Expr]
  return b.reshape(b.sum(own, [0], false), [batch, Expr.one, length, Expr.of(pairs)])
}

/** Definition of the embedding. */
export const microsoftMRotary = {
  /** Inputs: x [B, S, hidden] or [B, heads, S, size], positions [3, B, S], tables of cosines and sines [positions, pairs]. */
  'com.microsoft::MRotaryEmbedding': {
    infer: sameAsInput,
    grad: 'none',
    lower: (node, b) => {
      const [x, cos, sin] = [node.input(0), angles(node, b, node.input(2)), angles(node, b, node.input(3))]
      const interleaved = node.int('interleaved', 0) !== 0
      const y = rotate(b, apart(node, b, x, cos), { cos, sin, interleaved })
      return [shapeOf(node, x).length === 3 ? joinHeads(b, y) : y]
    },
  },
} satisfies Record<string, OpDef>
