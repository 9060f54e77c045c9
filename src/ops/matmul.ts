/** Matrix products. */
import { float, type AttributeArgs, type Builder } from '../builder.js'
import { Expr } from '../expr.js'
import type { Node, Value } from '../ir.js'
import {
  invalid,
  type GradContext,
  type GradRule,
  type InferContext,
  type Inferred,
  type NdArray,
  type OpDef,
} from '../op.js'
import { elementCount, type Shape, type TensorType } from '../types.js'
import { broadcastShapes } from './support/broadcast.js'
import { map, matmul as product, nd, transpose, zip } from './support/nd.js'
import { shapeOf } from './support/shapes.js'

/** Definitions of matrix products. */
export const matmul = {
  /** Y = A·B; dA = dY·Bᵀ, dB = Aᵀ·dY. Batches are folded into rows wherever B is a matrix or a vector. */
  MatMul: {
    infer: (node, ctx) => inferMatMul(node, ctx, node.input(0).type, node.input(1).type),
    flops: (node) => matMulFlops(node, node.input(0).type?.shape?.at(-1)),
    grad: matMulGradient,
    evaluate: (_node, [a, b]) => [product(a!, b!)],
  },
  /** Y = α·A′·B′ + β·C; dA′ = α·dY·B′ᵀ, dB′ = α·A′ᵀ·dY, dC = β·dY, where A′ and B′ may be transposed */
  Gemm: {
    infer: inferGemm,
    flops: (node) => matMulFlops(node, node.input(0).type?.shape?.[node.int('transA', 0) ? 0 : 1]),
    grad: (node, g) => [...productGradient(node, g, gemm), () => g.b.scale(g.dy(), node.float('beta', 1))],
    evaluate: (node, [a, b, c]) => [evaluateGemm(node, a!, b!, c)],
  },
  /** Y = α·A′·B′, where the last two axes of A and B may be swapped; gradients as of Gemm */
  'com.microsoft::FusedMatMul': {
    infer: (node, ctx) => {
      if (node.int('transBatchA', 0) || node.int('transBatchB', 0)) {
        throw invalid(
          node,
          'transBatchA = transBatchB = 0',
          'a batch transposition, which only optimized models have',
        )
      }
      return inferMatMul(node, ctx, operandType(node, 0), operandType(node, 1))
    },
    flops: (node) => matMulFlops(node, operandType(node, 0)?.shape?.at(-1)),
    grad: (node, g) => productGradient(node, g, fusedMatMul),
    evaluate: (node, [a, b]) => [
      map(
        product(swapped(node, 'transA', a!), swapped(node, 'transB', b!)),
        (y) => y * node.float('alpha', 1),
      ),
    ],
  },
} satisfies Record<string, OpDef>

/** 2·M·N·K, over all batches. */
function matMulFlops(node: Node, k: Expr | undefined): Expr {
  const shape = node.output().type?.shape
  return shape && k ? elementCount(shape).mul(k).mul(2) : Expr.zero
}

/** The type of a matrix product from those of its operands. */
export function inferMatMul(
  node: Node,
  ctx: InferContext,
  a: TensorType | undefined,
  b: TensorType | undefined,
): Inferred[] {
  const dtype = a?.dtype ?? b?.dtype
  if (!dtype) return []
  if (!a?.shape || !b?.shape) return [{ type: { dtype } }]
  checkInner(node, a.shape.at(-1), b.shape.at(b.shape.length > 1 ? -2 : -1))
  const batch = broadcastShapes([a.shape.slice(0, -2), b.shape.slice(0, -2)], ctx)!
  return [
    {
      type: {
        dtype,
        shape: [...batch, ...a.shape.slice(-2, -1), ...(b.shape.length > 1 ? b.shape.slice(-1) : [])],
      },
    },
  ]
}

function checkInner(node: Node, left: Expr | undefined, right: Expr | undefined): void {
  const [k, l] = [left?.constant, right?.constant]
  if (!left || !right) throw invalid(node, 'operands of rank 1 or more', 'a scalar')
  if (k !== undefined && l !== undefined && k !== l)
    throw invalid(node, `${k} rows in the second operand`, `${l}`)
}

function matMulGradient(node: Node, g: GradContext): ReturnType<GradRule> {
  return shapeOf(node, node.input(1)).length <= 2 ? foldedGradient(node, g) : batchedGradient(node, g)
}

/** A: [..., K], B: [K, N] or [K]. dA = dY·Bᵀ, dB = Aᵀ·dY, both as a Gemm over all rows. */
function foldedGradient(node: Node, { b, dy }: GradContext) {
  const [left, right] = [node.input(0), node.input(1)]
  const [shape, matrix] = [shapeOf(node, left), shapeOf(node, right)]
  const [k, n] = [matrix[0]!, matrix[1] ?? Expr.one]
  const rows = elementCount(shape.slice(0, -1))
  const dyRows = () => b.reshape(dy(), [rows, n])
  return [
    () => b.reshape(gemm(b, dyRows(), b.reshape(right, [k, n]), { transB: 1 }), shape),
    () => b.reshape(gemm(b, b.reshape(left, [rows, k]), dyRows(), { transA: 1 }), matrix),
  ]
}

/** A: [K] or [..., M, K], B: [..., K, N]. The batch axes of the results are still broadcast. */
function batchedGradient(node: Node, { b, dy }: GradContext) {
  const [left, right] = [node.input(0), node.input(1)]
  const isVector = shapeOf(node, left).length === 1
  const withRow = (x: Value) => (isVector ? b.reshape(x, insertRow(shapeOf(node, x))) : x)
  return [
    () => b.matmul(withRow(dy()), b.transposeLast(right)),
    () => b.matmul(b.transposeLast(withRow(left)), withRow(dy())),
  ]
}

function insertRow(shape: Shape): Shape {
  return [...shape.slice(0, -1), Expr.one, ...shape.slice(-1)]
}

type Product = (b: Builder, x: Value, y: Value, attributes: AttributeArgs) => Value

const gemm: Product = (b, x, y, attributes) => b.emit('Gemm', [x, y], attributes)
const fusedMatMul: Product = (b, x, y, attributes) =>
  b.emit('FusedMatMul', [x, y], attributes, { domain: 'com.microsoft' })

/** Gradients of α·A′·B′ by the product that the operator itself computes, so that nothing is transposed in memory. */
function productGradient(node: Node, { b, dy }: GradContext, emit: Product) {
  const [left, right] = [node.input(0), node.input(1)]
  const [ta, tb] = [node.int('transA', 0), node.int('transB', 0)]
  const alpha = node.float('alpha', 1) === 1 ? undefined : float(node.float('alpha', 1))
  return [
    () =>
      ta
        ? emit(b, right, dy(), { alpha, transA: tb, transB: 1 })
        : emit(b, dy(), right, { alpha, transB: 1 - tb }),
    () =>
      tb
        ? emit(b, dy(), left, { alpha, transA: 1, transB: ta })
        : emit(b, left, dy(), { alpha, transA: 1 - ta }),
  ]
}

function inferGemm(node: Node): Inferred[] {
  const [a, b] = [node.input(0).type, node.input(1).type]
  const dtype = a?.dtype ?? b?.dtype
  if (!dtype) return []
  if (!a?.shape || !b?.shape) return [{ type: { dtype } }]
  if (a.shape.length !== 2 || b.shape.length !== 2)
    throw invalid(node, 'matrices', `ranks ${a.shape.length} and ${b.shape.length}`)
  const [ta, tb] = [node.int('transA', 0), node.int('transB', 0)]
  checkInner(node, a.shape[1 - ta], b.shape[tb])
  return [{ type: { dtype, shape: [a.shape[ta]!, b.shape[1 - tb]!] } }]
}

function evaluateGemm(node: Node, a: NdArray, b: NdArray, c: NdArray | undefined): NdArray {
  const [alpha, beta] = [node.float('alpha', 1), node.float('beta', 1)]
  const y = product(swapped(node, 'transA', a), swapped(node, 'transB', b))
  return zip([y, c ?? nd(y.dtype, [], 0)], (ab, bias) => alpha * ab + beta * bias)
}

/** An operand with its last two axes swapped where the attribute says so; vectors never are. */
function swapped(node: Node, attribute: string, x: NdArray): NdArray {
  const rank = x.shape.length
  if (!node.int(attribute, 0) || rank < 2) return x
  return transpose(x, [...Array(rank - 2).keys(), rank - 1, rank - 2])
}

function operandType(node: Node, index: 0 | 1): TensorType | undefined {
  const type = node.input(index).type
  const shape = type?.shape
  if (!shape || !node.int(index === 0 ? 'transA' : 'transB', 0) || shape.length < 2) return type
  return { dtype: type.dtype, shape: [...shape.slice(0, -2), shape.at(-1)!, shape.at(-2)!] }
}
