/** com.microsoft's weights in the four-bit floats of bitsandbytes (QLoRA, arXiv 2305.14314). Frozen; gradients pass by them. */
import type { Builder } from '../../builder.js'
import { Expr } from '../../expr.js'
import type { Node, Value } from '../../ir.js'
import { invalid, type GradContext, type NdArray, type OpDef, type Thunk } from '../../op.js'
import { elementCount } from '../../types.js'
import { matmul, nd, transpose } from '../support/nd.js'
import { shapeOf, typeOf } from '../support/shapes.js'

/** Values of the sixteen codes: a sign, then two bits of exponent and one of mantissa; and quantiles of the normal distribution. */
const FP4_POSITIVE = [0, 5.208333333e-3, 2 / 3, 1, 1 / 3, 0.5, 1 / 6, 0.25]
const TABLES: readonly (readonly number[])[] = [
  [...FP4_POSITIVE, ...FP4_POSITIVE.map((x) => -x)],
  [
    -1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
    -0.18477343022823334, -0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725,
    0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1,
  ],
]

interface Form {
  readonly rows: number
  readonly columns: number
  readonly block: number
  readonly table: readonly number[]
}

function formOf(node: Node): Form {
  if (node.int('transB', 1) !== 1) throw invalid(node, 'transB = 1', '0')
  const table = TABLES[node.int('quant_type', 1)]
  if (!table) throw invalid(node, 'quant_type 0 (FP4) or 1 (NF4)', String(node.int('quant_type', 1)))
  return { rows: node.int('N', 0), columns: node.int('K', 0), block: node.int('block_size', 64), table }
}

/** The weights [N, K]: the value of each code, the first of a byte in its high bits, times the scale of its block. */
function weights(node: Node, b: Builder): Value {
  const { rows, columns, block, table } = formOf(node)
  const [packed, scales] = [node.input(1), node.input(2)]
  const dtype = scales.type!.dtype
  const byte = (x: number): Value => b.scalar('uint8', x)
  const count = rows * columns
  const bytes = Math.ceil(count / 2)
  const halves = [
    b.emit('BitShift', [packed, byte(4)], { direction: 'RIGHT' }),
    b.emit('BitwiseAnd', [packed, byte(15)]),
  ].map((v) => b.reshape(v, [Expr.of(bytes), Expr.one]))
  const codes = b.reshape(b.emit('Concat', halves, { axis: 1 }), [Expr.of(2 * bytes)])
  const values = b.emit('Gather', [b.constant(dtype, [16], table), b.cast(codes, 'int32')])
  const blocks = Math.ceil(count / block)
  const missing = blocks * block - 2 * bytes
  const padded = missing > 0 ? b.emit('Pad', [values, b.ints([0, missing])]) : values
  const cut = missing < 0 ? b.emit('Slice', [values, b.ints([0]), b.ints([blocks * block])]) : padded
  const scaled = b.mul(
    b.reshape(cut, [Expr.of(blocks), Expr.of(block)]),
    b.reshape(scales, [Expr.of(blocks), Expr.one]),
  )
  const flat = b.reshape(scaled, [Expr.of(blocks * block)])
  const whole = blocks * block > count ? b.emit('Slice', [flat, b.ints([0]), b.ints([count])]) : flat
  return b.reshape(whole, [Expr.of(rows), Expr.of(columns)])
}

/** y = a·wᵀ; da = dy·w. The weights are unpacked again in the backward, where their gradient is wanted. */
function back(node: Node, { b, dy }: GradContext): (Thunk | null)[] {
  return [() => b.matmul(dy(), b.cast(weights(node, b), dy().type!.dtype)), null, null]
}

function evaluate(node: Node, [a, packed, scales]: readonly (NdArray | undefined)[]): NdArray[] {
  const { rows, columns, block, table } = formOf(node)
  const data = Float64Array.from({ length: rows * columns }, (_, i) => {
    const byte = packed!.data[i >> 1]!
    return table[i % 2 === 0 ? byte >> 4 : byte & 15]! * scales!.data[Math.floor(i / block)]!
  })
  return [matmul(a!, transpose(nd(a!.dtype, [rows, columns], data), [1, 0]))]
}

/** Definition of the product. */
export const microsoftBnb4 = {
  /** Inputs: a [..., K], codes of w [N, K] two a byte, the scale of every block. */
  'com.microsoft::MatMulBnb4': {
    infer: (node) => {
      const { dtype, shape } = typeOf(node.inputs[0])
      return [{ type: { dtype, shape: shape?.with(-1, Expr.of(node.int('N', 0))) } }]
    },
    flops: (node) => elementCount(shapeOf(node, node.input(0))).mul(2 * node.int('N', 0)),
    grad: back,
    evaluate,
  },
} satisfies Record<string, OpDef>
