/** The contract of a kernel's function: the model-local function that a model calls and that a kernel may stand in for. */
import type { AttributeArgs } from '../src/builder.js'
import { Expr } from '../src/expr.js'
import type { Node, Value } from '../src/ir.js'
import type { OpDef } from '../src/op.js'
import { tensorType, type DType, type TensorType } from '../src/types.js'

/**
 * A function of domain `com.dropbp`. Its name says what it computes in which type, with a version: a registered kernel takes
 * every call of that name, so a change of meaning is another name.
 */
export interface KernelFunction {
  readonly name: string
  /** The operator that it computes, whose `lower` is its body and whose `evaluate` is its reference. */
  readonly op: string
  /** Operands and attributes that the body is made for; dimensions are symbols. */
  readonly sample: { readonly inputs: readonly (TensorType | null)[]; readonly attributes?: AttributeArgs }
  readonly outputs: number
  /** Attributes of the operator that calls say; the others are what the sample has. */
  readonly attributes?: Readonly<Record<string, 'float' | 'int'>>
  /** Whether a node of the operator is such a call. */
  accepts(node: Node): boolean
}

/** What a folder contributes. */
export interface KernelFolder {
  /** Operators that have kernels and are not in the core's table. */
  readonly operators: Readonly<Record<string, OpDef>>
  /** Definitions of the core's operators that emit those; they win over the core's own. */
  readonly overrides: Readonly<Record<string, OpDef>>
  readonly functions: readonly KernelFunction[]
}

/** A float32 type with symbolic or static dimensions. */
export function f32(...dims: (string | number)[]): TensorType {
  return typed('float32', dims)
}

/** An int64 type with symbolic or static dimensions. */
export function i64(...dims: (string | number)[]): TensorType {
  return typed('int64', dims)
}

function typed(dtype: DType, dims: readonly (string | number)[]): TensorType {
  return tensorType(
    dtype,
    dims.map((d) => (typeof d === 'number' ? d : Expr.symbol(d))),
  )
}

/** Whether a value is a float32 tensor of the given rank, or of any known one. */
export function isF32(value: Value | null | undefined, rank?: number): boolean {
  const { dtype, shape } = value?.type ?? {}
  return dtype === 'float32' && !!shape && (rank === undefined || shape.length === rank)
}

/** Whether values are float32 tensors of one shape. */
export function areAlike(...values: readonly (Value | null | undefined)[]): boolean {
  const shape = values[0]?.type?.shape
  return values.every((v) => isF32(v) && sameDims(v!.type!.shape!, shape!))
}

function sameDims(a: readonly Expr[], b: readonly Expr[]): boolean {
  return a.length === b.length && a.every((d, i) => d.equals(b[i]!))
}
