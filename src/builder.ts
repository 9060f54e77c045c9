/** Typed node emitter: every node that a pass or a gradient rule makes goes through here and has its type at once. */
import { dimSource, isReadable } from './dim-source.js'
import { Expr } from './expr.js'
import { inferNode, prepareInitializer } from './infer.js'
import { Node, Value, type Attribute, type Graph, type Model } from './ir.js'
import type { OpTable } from './op.js'
import { Tensor } from './tensor.js'
import { sameShape, type DType, type Shape, type TensorType } from './types.js'

/** Attribute values as written in code: integers are `int`, arrays `ints`; floats are made with `float()`. */
export type AttributeArgs = Readonly<
  Record<string, number | string | readonly number[] | Attribute | undefined>
>

export interface EmitOptions {
  domain?: string
  /** Number of outputs, default 1. */
  outputs?: number
  /** Hint for the outputs' names. */
  name?: string
}

/** A float attribute. */
export function float(value: number): Attribute {
  return { type: 'float', value }
}

/** Emits nodes into one graph. */
export class Builder {
  private readonly constants = new Map<string, Value>()
  private readonly dimValues = new Map<string, Value>()

  /**
   * @param onEmit told of every node emitted, so that a driver can label them
   */
  constructor(
    readonly model: Model,
    readonly graph: Graph,
    readonly table: OpTable,
    private readonly onEmit: (node: Node) => void = () => {},
  ) {}

  /** Emits a node and returns its first output. */
  emit(
    op: string,
    inputs: readonly (Value | null)[],
    attributes: AttributeArgs = {},
    options: EmitOptions = {},
  ): Value {
    return this.emitAll(op, inputs, attributes, options)[0]!
  }

  /** Emits a node and returns all its outputs. */
  emitAll(
    op: string,
    inputs: readonly (Value | null)[],
    attributes: AttributeArgs = {},
    options: EmitOptions = {},
  ): Value[] {
    const outputs = Array.from(
      { length: options.outputs ?? 1 },
      () => new Value(options.name ?? op.toLowerCase()),
    )
    const node = new Node(op, inputs, outputs, toAttributes(attributes), options.domain ?? '')
    node.name = options.name ?? op
    this.graph.addNode(node)
    inferNode(node, this.model, this.table)
    this.onEmit(node)
    return node.outputs
  }

  /** A constant tensor; small ones are shared. */
  constant(dtype: DType, shape: readonly number[], values: ArrayLike<number>): Value {
    const key = values.length <= 16 ? `${dtype}[${shape}]${Array.from(values)}` : undefined
    const old = key && this.constants.get(key)
    if (old && old.owner) return old
    const value = this.graph.addInitializer('const', Tensor.of(dtype, shape, values))
    prepareInitializer(value)
    if (key) this.constants.set(key, value)
    return value
  }

  scalar(dtype: DType, x: number): Value {
    return this.constant(dtype, [], [x])
  }

  /** A constant scalar of the element type of `like`. */
  scalarLike(like: Value, x: number): Value {
    return this.scalar(like.type!.dtype, x)
  }

  /** A constant int64 vector. */
  ints(values: readonly number[]): Value {
    return this.constant('int64', [values.length], values)
  }

  /**
   * The dimensions as an int64 vector: a constant where they are static, else computed once from the model inputs'
   * dimensions, so that no activation is kept alive for its shape.
   */
  shape(dims: Shape): Value {
    const numbers = dims.map((d) => d.constant)
    if (numbers.every((d) => d !== undefined)) return this.ints(numbers as number[])
    return this.memo(`[${dims.join(',')}]`, () =>
      dims.length === 1
        ? this.dim(dims[0]!)
        : this.emit(
            'Concat',
            groupStatic(dims).map((p) => this.piece(p)),
            { axis: 0 },
          ),
    )
  }

  /** Whether dimensions can be read here: their sources lie in this graph, or in one around it. */
  canRead(dims: Shape): boolean {
    return dims.every((d) => [...d.symbols()].every((name) => isReadable(this.model, name, this.graph)))
  }

  /** One dimension as an int64 vector of length 1. */
  dim(dim: Expr): Value {
    const n = dim.constant
    if (n !== undefined) return this.ints([n])
    return this.memo(String(dim), () => this.emitExpr(dim))
  }

  /** Reshape without reading any activation's shape; free where the shape is already right. */
  reshape(x: Value, dims: Shape): Value {
    if (sameShape(x.type!.shape, dims)) return x
    if (dims.some((d) => d.constant === 0))
      return this.emit('Reshape', [x, this.shape(dims)], { allowzero: 1 })
    return this.emit('Reshape', [x, this.reshapeTarget(x.type!.shape, dims)])
  }

  cast(x: Value, dtype: DType): Value {
    return x.type!.dtype === dtype ? x : this.emit('Cast', [x], { to: ELEMENT_TYPE[dtype]! })
  }

  add(x: Value, y: Value): Value {
    return this.emit('Add', [x, y])
  }

  sub(x: Value, y: Value): Value {
    return this.emit('Sub', [x, y])
  }

  mul(x: Value, y: Value): Value {
    return this.emit('Mul', [x, y])
  }

  div(x: Value, y: Value): Value {
    return this.emit('Div', [x, y])
  }

  neg(x: Value): Value {
    return this.emit('Neg', [x])
  }

  /** `x * factor` with a constant factor; `x` itself for 1. */
  scale(x: Value, factor: number): Value {
    return factor === 1 ? x : this.mul(x, this.scalarLike(x, factor))
  }

  matmul(x: Value, y: Value): Value {
    return this.emit('MatMul', [x, y])
  }

  transpose(x: Value, perm: readonly number[]): Value {
    return perm.every((p, i) => p === i) ? x : this.emit('Transpose', [x], { perm })
  }

  /** Swaps the last two axes. */
  transposeLast(x: Value): Value {
    const rank = x.type!.shape!.length
    return this.transpose(x, [...Array(rank - 2).keys(), rank - 1, rank - 2])
  }

  /** Sum over `axes`. */
  sum(x: Value, axes: readonly number[], keepdims: boolean): Value {
    return axes.length === 0
      ? x
      : this.emit('ReduceSum', [x, this.ints(axes)], { keepdims: keepdims ? 1 : 0 })
  }

  /** A tensor of this type filled with `x`. */
  full(type: TensorType, x: number): Value {
    if (type.shape!.length === 0) return this.scalar(type.dtype, x)
    return this.emit('Expand', [this.scalar(type.dtype, x), this.shape(type.shape!)])
  }

  private memo(key: string, make: () => Value): Value {
    const old = this.dimValues.get(key)
    if (old?.producer?.graph) return old
    const value = make()
    this.dimValues.set(key, value)
    return value
  }

  private piece(dims: Shape): Value {
    return dims.length === 1 ? this.dim(dims[0]!) : this.ints(dims.map((d) => d.constant!))
  }

  /** A target for Reshape (without `allowzero`) that is constant wherever `0` (copy) and `-1` (rest) can say it. */
  reshapeTarget(from: Shape | undefined, dims: Shape): Value {
    const plain = dims.map((d, i) => d.constant ?? (from?.[i]?.equals(d) ? 0 : undefined))
    const open = plain.filter((d) => d === undefined).length
    const hasZero = dims.some((d) => d.constant === 0)
    if (open <= 1 && !hasZero) return this.ints(plain.map((d) => d ?? -1))
    return this.shape(dims)
  }

  private emitExpr(expr: Expr): Value {
    return expr.fold<Value>({
      constant: (n) => this.ints([n]),
      atom: (name) => this.readDim(name),
      add: (a, b) => this.add(a, b),
      mul: (a, b) => this.mul(a, b),
      call: (fn, a, b) => this.emit({ floor: 'Div', max: 'Max', min: 'Min' }[fn], [a, b]),
    })
  }

  private readDim(name: string): Value {
    return this.memo(name, () => {
      const source = dimSource(this.model, name, this.graph)
      return this.emit('Shape', [source.value], { start: source.axis, end: source.axis + 1 })
    })
  }
}

/** Element types as `TensorProto.DataType` numbers them. */
export const ELEMENT_TYPE: Partial<Record<DType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
}

const DTYPES = new Map(Object.entries(ELEMENT_TYPE).map(([name, code]) => [code, name as DType]))

/** The element type of a `TensorProto.DataType` number; `other` for those this project has no name for. */
export function dtypeOf(code: number): DType {
  return DTYPES.get(code) ?? 'other'
}

function* toAttributes(args: AttributeArgs): Iterable<[string, Attribute]> {
  for (const [name, v] of Object.entries(args)) {
    if (v === undefined) continue
    if (typeof v === 'number') {
      if (!Number.isInteger(v)) throw new Error(`attribute ${name}=${v}: wrap floats in float()`)
      yield [name, { type: 'int', value: v }]
    } else if (typeof v === 'string') yield [name, { type: 'string', value: v }]
    else if (Array.isArray(v)) yield [name, { type: 'ints', value: v as readonly number[] }]
    else yield [name, v as Attribute]
  }
}

/** Runs of static dimensions together, symbolic ones alone. */
function groupStatic(dims: Shape): Shape[] {
  const groups: Expr[][] = []
  let open = false
  for (const d of dims) {
    const fixed = d.constant !== undefined
    if (fixed && open) groups.at(-1)!.push(d)
    else groups.push([d])
    open = fixed
  }
  return groups
}
