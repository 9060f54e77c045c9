/** Batched matrix products as stock ONNX Runtime computes them best: transposes and a factor inside the product. */
import { float, type Builder } from '../../builder.js'
import type { Value } from '../../ir.js'

export interface ProductOptions {
  /** Factor of the product, default 1. */
  readonly alpha?: number
  /** Swap the last two axes of the first or second operand. */
  readonly transA?: boolean
  readonly transB?: boolean
}

/** alpha·A′·B′ over the last two axes. */
export function product(b: Builder, x: Value, y: Value, options: ProductOptions = {}): Value {
  const { alpha = 1, transA = false, transB = false } = options
  if (alpha === 1 && !transA && !transB) return b.matmul(x, y)
  if (!FUSED.has(x.type!.dtype)) {
    const z = b.matmul(transA ? b.transposeLast(x) : x, transB ? b.transposeLast(y) : y)
    return b.scale(z, alpha)
  }
  const attributes = {
    alpha: alpha === 1 ? undefined : float(alpha),
    transA: transA ? 1 : undefined,
    transB: transB ? 1 : undefined,
  }
  return b.emit('FusedMatMul', [x, y], attributes, { domain: 'com.microsoft' })
}

/** Element types that the CPU's FusedMatMul has. */
const FUSED = new Set(['float32', 'float64'])
