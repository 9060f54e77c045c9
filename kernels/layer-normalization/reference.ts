/** Gradients of normalised rows in float64. */
import type { NdArray } from '../../src/op.js'
import { nd } from '../../src/ops/support/nd.js'

/**
 * dx, dscale and dbias of y = x̂·scale + bias, x̂ = (x − mean)·inv.
 * @param mean of each row; zeros where the normalisation does not centre
 * @param centred whether the mean depends on x
 */
export function normalizationGrad(
  x: NdArray,
  scale: NdArray,
  dy: NdArray,
  mean: Float64Array,
  inv: Float64Array,
  centred: boolean,
): [NdArray, NdArray, NdArray] {
  const [rows, columns] = x.shape as [number, number]
  const dx = new Float64Array(x.data.length)
  const [dscale, dbias] = [new Float64Array(columns), new Float64Array(columns)]
  for (let r = 0; r < rows; r++) {
    const at = r * columns
    const normal = x.data.subarray(at, at + columns).map((v) => (v - mean[r]!) * inv[r]!)
    const d = dy.data.subarray(at, at + columns)
    const g = d.map((v, i) => v * scale.data[i]!)
    const average = centred ? sum(g) / columns : 0
    const along = sum(g.map((v, i) => v * normal[i]!)) / columns
    for (let i = 0; i < columns; i++) {
      dx[at + i] = inv[r]! * (g[i]! - average - normal[i]! * along)
      dscale[i]! += d[i]! * normal[i]!
      dbias[i]! += d[i]!
    }
  }
  return [nd(x.dtype, x.shape, dx), nd(x.dtype, [columns], dscale), nd(x.dtype, [columns], dbias)]
}

function sum(line: Float64Array): number {
  return line.reduce((a, c) => a + c, 0)
}
