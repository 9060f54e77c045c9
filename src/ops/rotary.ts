/** Rotary position embeddings, ONNX's and com.microsoft's, by way of their parts. */
import type { Builder } from '../builder.js'
import { Expr } from '../expr.js'
import type { Node, Value } from '../ir.js'
import type { OpDef } from '../op.js'
import { emitRotary } from './rotate.js'
import { joinHeads, splitHeads } from './attention/scaled-dot-product.js'
import { shapeOf, typeOf } from './support/shapes.js'

/** How pairs of elements are rotated. */
export interface Rotation {
  /** Of the angles, broadcastable to [batch, heads, sequence, pairs]. */
  readonly cos: Value
  readonly sin: Value
  /** Pairs are neighbours instead of halves. */
  readonly interleaved: boolean
}

/**
 * Rotates the first 2·pairs elements of every head of x [B, H, S, D]:
 * (x₁, x₂) becomes (x₁·cos − x₂·sin, x₂·cos + x₁·sin).
 */
export function rotate(b: Builder, x: Value, rotation: Rotation): Value {
  const shape = x.type!.shape!
  const size = shape.at(-1)!
  const rotated = rotation.cos.type!.shape!.at(-1)!.mul(2)
  if (rotated.equals(size)) return rotateAll(b, x, rotation)
  const sizes = b.shape([rotated, size.sub(rotated)])
  const [head, rest] = b.emitAll('Split', [x, sizes], { axis: -1 }, { outputs: 2 }) as [Value, Value]
  return b.emit('Concat', [rotateAll(b, head, rotation), rest], { axis: -1 })
}

function rotateAll(b: Builder, x: Value, { cos, sin, interleaved }: Rotation): Value {
  if (interleaved) return rotateNeighbours(b, x, cos, sin)
  const both = (angles: Value) => b.emit('Concat', [angles, angles], { axis: -1 })
  return emitRotary(b, x, both(cos), both(sin))
}

function rotateNeighbours(b: Builder, x: Value, cos: Value, sin: Value): Value {
  const shape = x.type!.shape!
  const pairs = [...shape.slice(0, -1), shape.at(-1)!.div(2)]
  const open = b.reshape(x, [...pairs, Expr.of(2)])
  const [x1, x2] = b
    .emitAll('Split', [open], { axis: -1, num_outputs: 2 }, { outputs: 2 })
    .map((part) => b.reshape(part, pairs)) as [Value, Value]
  const turned = [b.sub(b.mul(x1, cos), b.mul(x2, sin)), b.add(b.mul(x2, cos), b.mul(x1, sin))]
  const columns = turned.map((y) => b.reshape(y, [...pairs, Expr.one]))
  return b.reshape(b.emit('Concat', columns, { axis: -1 }), shape)
}

/** Rows of a table of angles [positions, pairs] at `ids` [B, S], or its [B, S, pairs] as it is, for [B, H, S, pairs]. */
export function anglesAt(b: Builder, table: Value, ids: Value | null | undefined): Value {
  const rows = ids ? b.emit('Gather', [table, ids], { axis: 0 }) : table
  const [batch, length, pairs] = rows.type!.shape! as [Expr, Expr, Expr]
  return b.reshape(rows, [batch, Expr.one, length, pairs])
}

/** x with its heads apart: as many as the attribute says, else of the size that a full rotation implies. */
export function apart(node: Node, b: Builder, x: Value, cos: Value): Value {
  const given = node.int('num_heads', 0)
  if (given > 0 || shapeOf(node, x).length !== 3) return splitHeads(node, b, x, Expr.of(given))
  const size = shapeOf(node, cos).at(-1)!.mul(2)
  return splitHeads(node, b, x, shapeOf(node, x)[2]!.div(size), size)
}

function lowerRotary(node: Node, b: Builder, x: Value, angles: { cos: Value; sin: Value }): Value[] {
  const interleaved = node.int('interleaved', 0) !== 0
  const y = rotate(b, apart(node, b, x, angles.cos), { ...angles, interleaved })
  return [shapeOf(node, x).length === 3 ? joinHeads(b, y) : y]
}

/** Positions [B, S] of com.microsoft's operator, which also takes one offset for all. */
function positionsOf(node: Node, b: Builder, x: Value): Value {
  const ids = node.input(1)
  const shape = shapeOf(node, ids)
  if (shape.length === 2) return ids
  const length = shapeOf(node, x).at(shapeOf(node, x).length === 4 ? 2 : 1)!
  const end = b.emit('Squeeze', [b.dim(length)])
  const range = b.emit('Range', [b.scalar('int64', 0), end, b.scalar('int64', 1)])
  return b.reshape(b.add(range, ids), [Expr.one, length])
}

const infer: OpDef['infer'] = (node) => [{ type: typeOf(node.inputs[0]) }]

/** Definitions of the rotary embeddings. */
export const rotary = {
  /** Inputs: x, cos, sin, position_ids. */
  RotaryEmbedding: {
    infer,
    grad: 'none',
    lower: (node, b) => {
      const [x, cos, sin, ids] = [node.input(0), node.input(1), node.input(2), node.inputs[3]]
      return lowerRotary(node, b, x, { cos: anglesAt(b, cos, ids), sin: anglesAt(b, sin, ids) })
    },
  },
  /** Inputs: x, position_ids, cos, sin. Stock runtimes ignore its `scale`. */
  'com.microsoft::RotaryEmbedding': {
    infer,
    grad: 'none',
    lower: (node, b) => {
      const [x, cos, sin] = [node.input(0), node.input(2), node.input(3)]
      const ids = positionsOf(node, b, x)
      return lowerRotary(node, b, x, { cos: anglesAt(b, cos, ids), sin: anglesAt(b, sin, ids) })
    },
  },
} satisfies Record<string, OpDef>
