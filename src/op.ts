/** The contract of an operator: type rule, FLOPs rule, gradient rule and reference evaluation, together. */
import type { Builder } from './builder.js'
import { CompileError, DropBPError } from './errors.js'
import type { Expr } from './expr.js'
import type { Graph, Model, Node, Value } from './ir.js'
import { formatType, type Dim, type DType, type TensorType } from './types.js'

/** What a type rule says of one output: its type and, for small integer tensors, its elements where known. */
export interface Inferred {
  readonly type: TensorType
  readonly known?: readonly Expr[]
}

/** What a type rule may ask for. */
export interface InferContext {
  readonly model: Model
  /** A dimension nobody can know before the run: axis `axis` of output `output` of the node. */
  unknownDim(output: number, axis: number): Dim
}

/** A dense array for reference evaluation: float64 numbers whatever the element type, row-major; bool as 0 and 1. */
export interface NdArray {
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly data: Float64Array
}

/** Emits the gradient of one input when called; nothing is emitted for an input nobody asks about. */
export type Thunk = () => Value

/** What a gradient rule works with. */
export interface GradContext {
  /** Emits backward nodes. */
  readonly b: Builder
  /** Cotangent of output `i` (default 0), shaped and typed like it; zeros where no gradient reaches that output. */
  dy(i?: number): Value
  /** Whether a gradient reaches output `i` at all. */
  has(i: number): boolean
  /** Whether the gradient of input `i` will be asked for. */
  wants(i: number): boolean
  /** Output `i` of the forward node, added to it where it is optional and absent. */
  saved(i: number, type: TensorType): Value
  /** What the rules of operators with nested graphs need besides. */
  readonly nested: NestedGradients
}

/** Differentiation of a node's nested graphs. */
export interface NestedGradients {
  /** Values from outside that nested graphs read and whose gradients are asked for, each once. */
  readonly captured: readonly Value[]
  /** Adds to the gradient of a captured value; the gradient may still be broadcast. */
  contribute(captured: Value, gradient: Value): void
  /** Float values of a nested graph that depend on any of `sources` through operators with gradients; the sources too. */
  dependents(graph: Graph, sources: Iterable<Value>): ReadonlySet<Value>
  /**
   * Emits the gradients of a nested graph through `b`, which may belong to another graph: what it then reads of the
   * nested one is the caller's to pass on.
   * @param cotangents of the graph's results, null where no gradient reaches one
   * @param wanted values to differentiate with respect to: inputs of the graph, or captured ones
   * @returns gradients of the shapes and types of their values; none of a value that the results do not depend on
   */
  differentiate(
    graph: Graph,
    b: Builder,
    cotangents: readonly (Value | null)[],
    wanted: readonly Value[],
  ): ReadonlyMap<Value, Value>
}

/**
 * The gradient rule of an operator: one thunk per input, null where the operator is not differentiable in it. A thunk may
 * return a gradient that is still broadcast to the output's shape: the driver sums it down to the input's.
 */
export type GradRule = (node: Node, g: GradContext) => readonly (Thunk | null)[]

/** Everything the compiler knows of an operator. */
export interface OpDef {
  /** Types of the outputs from those of the inputs. */
  readonly infer: (node: Node, ctx: InferContext) => readonly Inferred[]
  /**
   * Types the inputs of nested graphs: before they are inferred as the node's operands say (`initial`), or so far as every
   * iteration must agree (`declared`); afterwards with the dimensions opened that an iteration does not keep (`again`).
   * @returns whether a type changed
   */
  readonly bind?: (node: Node, model: Model, stage: 'declared' | 'initial' | 'again') => boolean
  /** Multiply-adds count two; element-wise work counts nothing, as in the paper. Absent: zero. */
  readonly flops?: (node: Node) => Expr
  /** The gradient rule; `none` where outputs are not differentiable in any input (integers, comparisons, random draws). */
  readonly grad: GradRule | 'none'
  /**
   * Emits the operator in other operators and returns its outputs (null for outputs that nobody reads). For operators that
   * no stock runtime has, and for fused ones without a gradient rule, whose parts have one.
   */
  readonly lower?: (node: Node, b: Builder) => readonly (Value | null)[]
  /** Reference semantics in float64, for constant folding and for checking gradients. Inputs that are absent are undefined. */
  readonly evaluate?: (node: Node, inputs: readonly (NdArray | undefined)[]) => readonly NdArray[]
}

/** Operator definitions by domain-qualified name. */
export class OpTable {
  private readonly entries: ReadonlyMap<string, OpDef>

  constructor(entries: Readonly<Record<string, OpDef>>) {
    this.entries = new Map(Object.entries(entries))
  }

  find(node: Node): OpDef | undefined {
    return this.entries.get(node.qualifiedOp)
  }

  /** The definition of a domain-qualified name. */
  get(name: string): OpDef | undefined {
    return this.entries.get(name)
  }

  get names(): string[] {
    return [...this.entries.keys()]
  }

  /** A table with further rules, which win over those here. */
  with(extra: Readonly<Record<string, OpDef>>): OpTable {
    return new OpTable({ ...Object.fromEntries(this.entries), ...extra })
  }
}

/** An operator's misuse found by its type rule. */
export function invalid(node: Node, expected: string, got: string): CompileError {
  return new CompileError(
    'invalid-node',
    `${node.qualifiedOp} (node "${node.name}"): expected ${expected}, got ${got}; the model is malformed, export it again or run onnx.checker on it`,
  )
}

/**
 * Runs a rule on a node. Operands that it did not reckon with (a rank, an index out of range) are the model's fault, as far
 * as anybody can tell.
 * @throws CompileError `invalid-node`
 */
export function runRule<T>(node: Node, rule: () => T): T {
  try {
    return rule()
  } catch (cause) {
    if (cause instanceof DropBPError) throw cause
    const operands = node.inputs.map((v) => (v ? formatType(v.type) : 'none')).join(', ')
    throw new CompileError(
      'invalid-node',
      `${node.qualifiedOp} (node "${node.name}") cannot take operands ${operands}: ${(cause as Error).message}; ` +
        'the model is malformed (run onnx.checker on it), or a rule of this operator is wrong',
      'model',
      { cause },
    )
  }
}
