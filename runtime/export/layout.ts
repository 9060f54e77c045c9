/** How a parameter's stored values relate to a tensor elsewhere: as they are, in another layout, or through a folded expression. */
import { DropBPError } from '../../src/errors.js'
import { parseExpr } from '../../src/expr.js'
import { floatsOf, zeros, type HostTensor } from '../../src/host-tensor.js'

/** A change of values or layout. */
export type Mapping = (tensor: HostTensor) => HostTensor

/** A matrix with its axes exchanged. */
export const transpose: Mapping = (tensor) => {
  const [rows, columns] = tensor.shape as [number, number]
  const result = zeros(tensor.dtype, [columns, rows])
  const from = tensor.data as Float32Array
  const to = result.data as Float32Array
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) to[j * rows + i] = from[i * columns + j]!
  return result
}

/** The same elements under another shape. */
export function reshape(shape: readonly number[]): Mapping {
  return (tensor) => ({ ...tensor, shape })
}

/** The function of an expression over one symbol, such as `1 + w`: a·w + b. */
export function affine(expression: string): Mapping {
  const expr = parseExpr(expression)
  const [symbol, ...more] = expr.atoms()
  const at = (w: number): number => expr.evaluate({ [symbol ?? 'w']: w })
  const b = more.length === 0 && symbol !== undefined ? at(0) : NaN
  const a = at(1) - b
  if (!(Number.isFinite(a) && a !== 0 && at(2) === 2 * a + b)) {
    throw new DropBPError('derived-parameter', `"${expression}" is not of the form a·w + b`)
  }
  return elementwise((w) => a * w + b)
}

function elementwise(f: (x: number) => number): Mapping {
  return (tensor) => {
    const result = zeros(tensor.dtype, tensor.shape)
    const from = floatsOf(tensor)
    if (from !== tensor.data)
      throw new DropBPError(
        'derived-parameter',
        `a derived parameter of type ${tensor.dtype} cannot be written back; use float32`,
      )
    for (let i = 0; i < from.length; i++) result.data[i] = f(from[i]!)
    return result
  }
}

/** Whether two tensors hold the same values, up to the rounding of one operation. */
export function sameValues(a: HostTensor, b: HostTensor): boolean {
  if (a.dtype !== b.dtype || String(a.shape) !== String(b.shape)) return false
  const [x, y] = [a.data, b.data]
  if (x instanceof BigInt64Array || x instanceof BigUint64Array) return x.every((v, i) => v === y[i])
  const rounding = a.dtype === 'float32' ? 2 ** -22 : a.dtype === 'float64' ? 2 ** -51 : 0
  for (let i = 0; i < x.length; i++) {
    const [p, q] = [x[i]!, y[i] as number]
    if (p !== q && !(Math.abs(p - q) <= rounding * Math.max(1, Math.abs(p)))) return false
  }
  return true
}
