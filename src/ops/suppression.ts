/** NonMaxSuppression. */
import { Expr } from '../expr.js'
import type { Node } from '../ir.js'
import type { NdArray, OpDef } from '../op.js'
import { nd } from './support/nd.js'

/** Low and high ends of a box along its two axes. */
type Box = readonly [number, number, number, number]

function boxAt(node: Node, { data }: NdArray, at: number): Box {
  const [p, q, r, s] = data.slice(at * 4, at * 4 + 4) as unknown as Box
  if (node.int('center_point_box', 0) === 1) return [p - r / 2, q - s / 2, p + r / 2, q + s / 2]
  return [Math.min(p, r), Math.min(q, s), Math.max(p, r), Math.max(q, s)]
}

/** Area of the intersection over that of the union. */
function overlap(a: Box, b: Box): number {
  const side = (axis: 0 | 1) =>
    Math.max(0, Math.min(a[axis + 2]!, b[axis + 2]!) - Math.max(a[axis]!, b[axis]!))
  const area = (box: Box) => (box[2] - box[0]) * (box[3] - box[1])
  const common = side(0) * side(1)
  return common === 0 ? 0 : common / (area(a) + area(b) - common)
}

/** Positions of the boxes that are kept, best first: of each, what overlaps it too much goes. */
function select(boxes: readonly Box[], scores: Float64Array, most: number, iou: number, least: number) {
  const order = [...scores.keys()].filter((i) => scores[i]! > least)
  order.sort((i, j) => scores[j]! - scores[i]! || i - j)
  const kept: number[] = []
  for (const i of order) {
    if (kept.length === most) break
    if (kept.every((k) => overlap(boxes[i]!, boxes[k]!) <= iou)) kept.push(i)
  }
  return kept
}

function evaluate(node: Node, inputs: readonly (NdArray | undefined)[]): NdArray[] {
  const [boxes, scores, most, iou, least] = inputs as [NdArray, NdArray, NdArray?, NdArray?, NdArray?]
  const [batches, classes, count] = scores.shape as [number, number, number]
  const rows: number[] = []
  for (let batch = 0; batch < batches; batch++) {
    const own = Array.from({ length: count }, (_, i) => boxAt(node, boxes, batch * count + i))
    for (let c = 0; c < classes; c++) {
      const line = scores.data.subarray((batch * classes + c) * count, (batch * classes + c + 1) * count)
      const kept = select(own, line, most?.data[0] ?? 0, iou?.data[0] ?? 0, least?.data[0] ?? -Infinity)
      for (const i of kept) rows.push(batch, c, i)
    }
  }
  return [nd('int64', [rows.length / 3, 3], rows)]
}

/** Definition of the suppression of boxes. */
export const suppression = {
  /** Rows of batch, class and box; integers, which have no gradient. */
  NonMaxSuppression: {
    infer: (_node, ctx) => [{ type: { dtype: 'int64', shape: [ctx.unknownDim(0, 0), Expr.of(3)] } }],
    grad: 'none',
    evaluate,
  },
} satisfies Record<string, OpDef>
