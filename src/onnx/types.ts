/** Types of values, between TypeProto and TensorType. */
import { dtypeOf, ELEMENT_TYPE } from '../builder.js'
import { Expr } from '../expr.js'
import type { Value } from '../ir.js'
import { sameShape, type Dim, type TensorType } from '../types.js'
import { saturatingInt } from './int64.js'
import {
  keepUnknowns,
  type DimensionProto,
  type GraphProto,
  type TypeProto,
  type ValueInfo,
} from './messages.js'

/** What a file says of a value beyond name and type, in `Value.extra`. */
export interface ValueExtra {
  readonly info: ValueInfo
  /** The type as it was read, to tell whether a pass changed it. */
  readonly type: TensorType | undefined
}

/** What the file says of a value, if it came from a file that says something. */
export function valueExtra(value: Value): ValueExtra | undefined {
  return value.extra as ValueExtra | undefined
}

const IDENTIFIER = /^[A-Za-z_][\w.]*$/

/**
 * Reads dimensions. A `dim_param` such as `past + seq` is an expression where its symbols are dimensions of the graph's
 * inputs, and else (`batch-size`) one opaque symbol with a printable name.
 */
export class DimReader {
  private readonly symbols = new Set<string>()
  private readonly opaque = new Map<string, string>()

  constructor(graph: GraphProto) {
    for (const { type } of graph.input ?? [])
      for (const dim of type?.tensorType?.shape?.dim ?? []) {
        if (dim.dimParam && IDENTIFIER.test(dim.dimParam)) this.symbols.add(dim.dimParam)
      }
  }

  /** The dimension of a proto; an unknown one gets a symbol of its own, named after its place. */
  read(dim: DimensionProto, place: string): Dim {
    if (Object.hasOwn(dim, 'dimValue')) {
      const n = saturatingInt(dim.dimValue!)
      if (n >= 0) return Expr.of(n)
    }
    const text = dim.dimParam ?? ''
    if (text === '') return this.symbol(place)
    if (IDENTIFIER.test(text)) return Expr.symbol(text)
    const parsed = Expr.from(text)
    return [...parsed.atoms()].every((a) => this.symbols.has(a)) ? parsed : this.symbol(text)
  }

  private symbol(text: string): Expr {
    let name = this.opaque.get(text)
    if (name === undefined) {
      const plain = text.replace(/[^\w.]/g, '_').replace(/^(?![A-Za-z_])/, '_')
      name = plain
      for (let n = 1; this.symbols.has(name); n++) name = `${plain}_${n}`
      this.symbols.add(name)
      this.opaque.set(text, name)
    }
    return Expr.symbol(name)
  }
}

/** The tensor type of a TypeProto; `other` for everything that is not a tensor. */
export function typeFromProto(proto: TypeProto, name: string, dims: DimReader): TensorType {
  const tensor = proto.tensorType
  if (!tensor) return { dtype: 'other' }
  const dtype = dtypeOf(tensor.elemType ?? 0)
  if (!tensor.shape) return { dtype }
  return { dtype, shape: (tensor.shape.dim ?? []).map((d, axis) => dims.read(d, `${name}_dim_${axis}`)) }
}

/** The TypeProto of a tensor type; undefined for a type that only a file can describe. */
export function typeToProto(type: TensorType | undefined): TypeProto | undefined {
  const elemType = type && ELEMENT_TYPE[type.dtype]
  if (!type || elemType === undefined) return undefined
  if (!type.shape) return { tensorType: { elemType } }
  const dim = type.shape.map((d): DimensionProto => {
    const n = d.constant
    return n === undefined ? { dimParam: String(d) } : { dimValue: n }
  })
  return { tensorType: { elemType, shape: { dim } } }
}

/** Whether a type says the same as another. */
function sameType(a: TensorType | undefined, b: TensorType | undefined): boolean {
  if (!a || !b) return a === b
  return a.dtype === b.dtype && (a.shape ? sameShape(a.shape, b.shape) : b.shape === undefined)
}

/** The ValueInfoProto of a value under a name: what the file said, with the type as it is now. */
export function valueInfoToProto(value: Value, name: string): ValueInfo {
  const extra = valueExtra(value)
  const unchanged = extra && (value.type === undefined || sameType(extra.type, value.type))
  const type = unchanged ? extra.info.type : typeToProto(value.type)
  const proto: ValueInfo = { ...extra?.info, name, type }
  if (!type) delete proto.type
  return keepUnknowns(extra?.info, proto)
}
