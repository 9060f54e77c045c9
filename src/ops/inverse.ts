/** Inverses of matrices. */
import type { OpDef } from '../op.js'
import { sameAsInput } from './support/broadcast.js'

/** Definitions of the family. */
export const inverse = {
  /** Y = X⁻¹ over the last two axes; dX = −Yᵀ·dY·Yᵀ */
  'com.microsoft::Inverse': {
    infer: sameAsInput,
    grad: (node, { b, dy }) => [
      () => {
        const y = b.transposeLast(node.output())
        return b.neg(b.matmul(b.matmul(y, dy()), y))
      },
    ],
    evaluate: (_node, [x]) => {
      const n = x!.shape.at(-1)!
      const data = x!.data.slice()
      for (let at = 0; at < data.length; at += n * n) invert(data.subarray(at, at + n * n), n)
      return [{ ...x!, data }]
    },
  },
} satisfies Record<string, OpDef>

/** Gauss–Jordan elimination in place, without pivoting. */
function invert(a: Float64Array, n: number): void {
  for (let k = 0; k < n; k++) {
    const pivot = a[k * n + k]!
    a[k * n + k] = 1
    for (let j = 0; j < n; j++) a[k * n + j]! /= pivot
    for (let i = 0; i < n; i++) {
      if (i === k) continue
      const factor = a[i * n + k]!
      a[i * n + k] = 0
      for (let j = 0; j < n; j++) a[i * n + j]! -= factor * a[k * n + j]!
    }
  }
}
