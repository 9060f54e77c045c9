/** com.microsoft's weights of few bits: MatMulNBits and GatherBlockQuantized. The weights are frozen; gradients pass by them. */
import type { Builder } from '../../builder.js'
import { Expr } from '../../expr.js'
import type { Node, Value } from '../../ir.js'
import { invalid, type GradContext, type NdArray, type OpDef, type Thunk } from '../../op.js'
import { elementCount } from '../../types.js'
import { matmul, nd, transpose, zip } from '../support/nd.js'
import { shapeOf, typeOf } from '../support/shapes.js'

const MICROSOFT = 'com.microsoft'

/** Levels packed into the bytes of the last axis, the lowest bits first: [..., m] becomes [..., m·8/bits]. */
export function unpack(b: Builder, packed: Value, bits: number): Value {
  if (bits === 8) return packed
  const shape = packed.type!.shape!
  const each = 8 / bits
  const byte = (x: number) => b.scalar('uint8', x)
  const levels = Array.from({ length: each }, (_, i) => {
    const shifted = i === 0 ? packed : b.emit('BitShift', [packed, byte(i * bits)], { direction: 'RIGHT' })
    return b.reshape(b.emit('BitwiseAnd', [shifted, byte(2 ** bits - 1)]), [...shape, Expr.one])
  })
  const stacked = b.emit('Concat', levels, { axis: -1 })
  return b.reshape(stacked, shape.with(-1, shape.at(-1)!.mul(each)))
}

/** The first `size` of the last axis of x. */
function head(b: Builder, x: Value, size: Expr): Value {
  const shape = x.type!.shape!
  return shape.at(-1)!.equals(size)
    ? x
    : b.emit('Slice', [x, b.ints([0]), b.dim(size), b.ints([shape.length - 1])])
}

/** The weights [N, K] of a MatMulNBits: (level − zero)·scale, each block of K with its own. */
function weights(node: Node, b: Builder): Value {
  const scales = node.input(2)
  const dtype = scales.type!.dtype
  const [bits, block] = [node.int('bits', 4), node.int('block_size', 0)]
  const [rows, columns] = [node.int('N', 0), node.int('K', 0)].map(Expr.of) as [Expr, Expr]
  const blocks = columns.ceilDiv(block)
  const levels = b.cast(unpack(b, node.input(1), bits), dtype)
  const perBlock = (x: Value) => b.reshape(x, [rows, blocks, Expr.one])
  const steps = b.sub(
    b.reshape(levels, [rows, blocks, Expr.of(block)]),
    zeroPoints(node, b, rows, blocks, perBlock),
  )
  const scaled = b.mul(steps, perBlock(scales))
  return head(b, b.reshape(scaled, [rows, blocks.mul(block)]), columns)
}

/** Zero points by block: packed, or of the scales' type, or the middle of the range. */
function zeroPoints(node: Node, b: Builder, rows: Expr, blocks: Expr, perBlock: (x: Value) => Value): Value {
  const [given, bits, dtype] = [node.inputs[3], node.int('bits', 4), node.input(2).type!.dtype]
  if (!given) return b.scalar(dtype, 2 ** (bits - 1))
  if (given.type!.dtype !== 'uint8') return perBlock(given)
  const packed = b.reshape(given, [rows, elementCount(shapeOf(node, given)).div(rows)])
  return perBlock(b.cast(head(b, unpack(b, packed, bits), blocks), dtype))
}

/** y = a·wᵀ + bias; da = dy·w, dbias = Σ dy. The weights are unpacked again in the backward, where their gradient is wanted. */
function matMulBack(node: Node, { b, dy }: GradContext): (Thunk | null)[] {
  const fixed = [1, 2, 3, 4].map(() => null)
  return [() => b.matmul(dy(), weights(node, b)), ...fixed, () => dy()]
}

/** Levels of packed bytes, the lowest bits first. */
function levelsOf(packed: NdArray, bits: number): number[] {
  const each = 8 / bits
  return [...packed.data].flatMap((x) =>
    Array.from({ length: each }, (_, i) => (x >> (i * bits)) & (2 ** bits - 1)),
  )
}

function evaluateMatMul(
  node: Node,
  [a, packed, scales, zeros, , bias]: readonly (NdArray | undefined)[],
): NdArray[] {
  const [rows, columns, block, bits] = ['N', 'K', 'block_size', 'bits'].map((name) => node.int(name, 4)) as [
    number,
    number,
    number,
    number,
  ]
  const blocks = Math.ceil(columns / block)
  const levels = levelsOf(packed!, bits)
  const perRow = zeros && zeros.dtype === 'uint8' ? levelsOf(zeros, bits).length / rows : blocks
  const points = zeros && (zeros.dtype === 'uint8' ? levelsOf(zeros, bits) : [...zeros.data])
  const weight = nd(
    a!.dtype,
    [rows, columns],
    Float64Array.from({ length: rows * columns }, (_, at) => {
      const [row, column] = [Math.floor(at / columns), at % columns]
      const part = Math.floor(column / block)
      const zero = points?.[row * perRow + part] ?? 2 ** (bits - 1)
      return (levels[row * blocks * block + column]! - zero) * scales!.data[row * blocks + part]!
    }),
  )
  const y = matmul(a!, transpose(weight, [1, 0]))
  return [bias ? zip([y, bias], (p, q) => p + q!) : y]
}

/** Rows of a packed table by index, unpacked and scaled. */
function lowerGather(node: Node, b: Builder): Value[] {
  const [table, ids, scales, zeros] = [node.input(0), node.input(1), node.input(2), node.inputs[3]]
  const shape = shapeOf(node, table)
  const { block, bits } = gatherForm(node)
  const dtype = scales.type!.dtype
  const rows = (x: Value) => b.emit('Gather', [x, ids], { axis: 0 })
  const levels = b.cast(unpack(b, rows(table), bits), dtype)
  const size = levels.type!.shape!.at(-1)!
  const blocks = shapeOf(node, scales).at(-1)!
  const outer = levels.type!.shape!.slice(0, -1)
  const spread = (x: Value) => {
    const repeated = b.emit('Expand', [
      b.reshape(x, [...outer, blocks, Expr.one]),
      b.shape([...outer, blocks, Expr.of(block)]),
    ])
    return head(b, b.reshape(repeated, [...outer, blocks.mul(block)]), size)
  }
  if (shape.length !== 2) throw invalid(node, 'a table of rank 2', String(shape.length))
  const zero = zeros
    ? spread(b.cast(head(b, unpack(b, rows(zeros), bits), blocks), dtype))
    : b.scalar(dtype, 2 ** (bits - 1))
  return [b.mul(b.sub(levels, zero), spread(rows(scales)))]
}

/** The one layout of GatherBlockQuantized that exporters write: bytes, rows gathered, columns in blocks. */
function gatherForm(node: Node): { block: number; bits: number } {
  const dtype = typeOf(node.inputs[0]).dtype
  if (dtype !== 'uint8' || node.int('gather_axis', 0) !== 0)
    throw invalid(node, 'a uint8 table gathered on axis 0', dtype)
  return { block: node.int('block_size', 128), bits: node.int('bits', 4) }
}

/** Definitions of the operators with packed weights. */
export const microsoftQuantized = {
  [`${MICROSOFT}::MatMulNBits`]: {
    infer: (node) => {
      const { dtype, shape } = typeOf(node.inputs[0])
      return [{ type: { dtype, shape: shape?.with(-1, Expr.of(node.int('N', 0))) } }]
    },
    flops: (node) => elementCount(shapeOf(node, node.input(0))).mul(2 * node.int('N', 0)),
    grad: matMulBack,
    evaluate: evaluateMatMul,
  },
  [`${MICROSOFT}::GatherBlockQuantized`]: {
    infer: (node) => {
      const [table, ids] = [typeOf(node.inputs[0]).shape, typeOf(node.inputs[1]).shape]
      const width = table?.at(-1)!.mul(8 / gatherForm(node).bits)
      return [{ type: { dtype: typeOf(node.inputs[2]).dtype, shape: table && ids && [...ids, width!] } }]
    },
    grad: 'none',
    lower: lowerGather,
  },
} satisfies Record<string, OpDef>
