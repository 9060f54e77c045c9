/** Element types, symbolic dimensions and tensor types. */
import { Expr } from './expr.js'

/** Element types, named as ONNX names them (lower case, `float` written `float32`, `double` written `float64`). */
export type DType =
  | 'float32'
  | 'float64'
  | 'float16'
  | 'bfloat16'
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'uint8'
  | 'uint16'
  | 'uint32'
  | 'uint64'
  | 'bool'
  | 'string'
  | 'other'

/** A dimension: a constant or a polynomial over named dimensions. */
export type Dim = Expr
export type Shape = readonly Dim[]

/** A tensor type; `shape` is undefined where not even the rank is known. */
export interface TensorType {
  readonly dtype: DType
  readonly shape?: Shape
}

const FLOATS: ReadonlySet<DType> = new Set(['float32', 'float64', 'float16', 'bfloat16'])

export function isFloat(dtype: DType | undefined): boolean {
  return dtype !== undefined && FLOATS.has(dtype)
}

/** Bytes of one element; `string` and `other` have none. */
export function elementSize(dtype: DType): number {
  if (dtype === 'float64' || dtype === 'int64' || dtype === 'uint64') return 8
  if (dtype === 'float32' || dtype === 'int32' || dtype === 'uint32') return 4
  if (dtype === 'string' || dtype === 'other') return 0
  return dtype.endsWith('16') ? 2 : 1
}

/** A tensor type from numbers, symbol names and expressions. */
export function tensorType(dtype: DType, shape?: readonly (Expr | number | string)[]): TensorType {
  return shape ? { dtype, shape: shape.map(Expr.from) } : { dtype }
}

/** The dimensions as numbers where all are constant, else undefined. */
export function staticShape(type: TensorType | undefined): number[] | undefined {
  const dims = type?.shape?.map((d) => d.constant)
  return dims?.every((d) => d !== undefined) ? (dims as number[]) : undefined
}

/** The product of the dimensions. */
export function elementCount(shape: Shape): Expr {
  return shape.reduce((n, d) => n.mul(d), Expr.one)
}

export function sameShape(a: Shape | undefined, b: Shape | undefined): boolean {
  return !!a && !!b && a.length === b.length && a.every((d, i) => d.equals(b[i]!))
}

/** `float32[batch, seq, 768]`, or `float32[?]` where the rank is unknown. */
export function formatType(type: TensorType | undefined): string {
  if (!type) return 'unknown'
  return `${type.dtype}[${type.shape ? type.shape.join(', ') : '?'}]`
}
