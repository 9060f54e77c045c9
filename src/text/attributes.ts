/** Attributes of nodes and functions. */
import Long from 'long'
import {
  AttributeType as T,
  type AttributeProto,
  type GraphProto,
  type Int64,
  type TensorProto,
  type TypeProto,
} from '../onnx/messages.js'
import { parseFloatLiteral, PRIMITIVES } from './literals.js'
import type { Scanner } from './scanner.js'
import { tensor } from './tensors.js'
import { parseType } from './types.js'

const ATTRIBUTE_TYPES: ReadonlyMap<string, number> = new Map(
  Object.entries(T).map(([key, code]) => [key.toLowerCase(), code]),
)

/** An attribute's value before its declared type is applied. */
type Item =
  | { readonly type: typeof T.INT; readonly value: Int64 }
  | { readonly type: typeof T.FLOAT; readonly value: number }
  | { readonly type: typeof T.STRING; readonly value: Uint8Array }
  | { readonly type: typeof T.TENSOR; readonly value: TensorProto }
  | { readonly type: typeof T.GRAPH; readonly value: GraphProto }
  | { readonly type: typeof T.TYPE_PROTO; readonly value: TypeProto }

/** A list attribute's type by that of its items. */
const LIST_OF: Readonly<Record<number, number>> = {
  [T.INT]: T.INTS,
  [T.FLOAT]: T.FLOATS,
  [T.STRING]: T.STRINGS,
  [T.TENSOR]: T.TENSORS,
  [T.GRAPH]: T.GRAPHS,
  [T.TYPE_PROTO]: T.TYPE_PROTOS,
}

/** The field of AttributeProto that holds a type's value. */
const FIELDS: Readonly<Record<number, keyof AttributeProto>> = {
  [T.FLOAT]: 'f',
  [T.INT]: 'i',
  [T.STRING]: 's',
  [T.TENSOR]: 't',
  [T.GRAPH]: 'g',
  [T.TYPE_PROTO]: 'tp',
  [T.FLOATS]: 'floats',
  [T.INTS]: 'ints',
  [T.STRINGS]: 'strings',
  [T.TENSORS]: 'tensors',
  [T.GRAPHS]: 'graphs',
  [T.TYPE_PROTOS]: 'typeProtos',
}

/** The value as a declared type; integers may stand for floats. */
function convert(item: Item, type: number): Item['value'] | undefined {
  if (item.type === type) return item.value
  return item.type === T.INT && type === T.FLOAT ? Number(item.value) : undefined
}

/** Parses attributes, whose values may be graphs. */
export class Attributes {
  constructor(
    private readonly s: Scanner,
    private readonly graph: () => GraphProto,
  ) {}

  /** A list in angle brackets, or nothing. */
  list(): AttributeProto[] {
    return this.s.accept('<') ? this.s.list('>', () => this.one(this.s.name('the name of an attribute'))) : []
  }

  one(name: string): AttributeProto {
    const { s } = this
    const declared = s.accept(':') ? this.attributeType() : undefined
    s.expect('=')
    if (s.accept('@')) {
      if (declared === undefined)
        throw s.fail(`attribute "${name}" to have a type (\`${name}: int = @…\`) before`)
      return { name, type: declared, refAttrName: s.name() }
    }
    if (!s.accept('[')) return this.typedScalar(name, this.item(declared), declared)
    return this.typedList(
      name,
      s.list(']', () => this.item(declared)),
      declared,
    )
  }

  private attributeType(): number {
    const word = this.s.name('a type of attribute')
    const code = ATTRIBUTE_TYPES.get(word)
    if (code === undefined) throw this.s.fail(`a type of attribute, not "${word}", before`)
    return code
  }

  private typedScalar(name: string, item: Item, declared = item.type as number): AttributeProto {
    const value = convert(item, declared)
    if (value === undefined) throw this.s.fail(`a value of the declared type of attribute "${name}" before`)
    return { name, type: declared, [FIELDS[declared]!]: value }
  }

  private typedList(name: string, items: readonly Item[], declared: number | undefined): AttributeProto {
    const isMixed =
      items.some((i) => i.type === T.FLOAT) && items.every((i) => i.type === T.FLOAT || i.type === T.INT)
    const type = declared ?? (isMixed ? T.FLOATS : items[0] && LIST_OF[items[0].type])
    if (type === undefined)
      throw this.s.fail(`the empty list "${name}" to have a type (\`${name}: ints = []\`) before`)
    const one = Number(Object.keys(LIST_OF).find((k) => LIST_OF[Number(k)] === type))
    const values = items.map((i) => convert(i, one))
    if (values.includes(undefined)) throw this.s.fail(`items of one type in attribute "${name}" before`)
    return { name, type, [FIELDS[type]!]: values }
  }

  private item(declared: number | undefined): Item {
    const { s } = this
    if (declared === T.TYPE_PROTO || declared === T.TYPE_PROTOS)
      return { type: T.TYPE_PROTO, value: parseType(s) }
    if (s.seesName()) {
      if (s.ahead(() => (s.name(), s.sees('(')))) return { type: T.GRAPH, value: this.graph() }
      if (s.sees('"')) return { type: T.STRING, value: Buffer.from(s.quoted(), 'utf8') }
      if (PRIMITIVES.includes(s.peekWord()!)) return { type: T.TENSOR, value: tensor(s) }
    }
    const literal = s.literal()
    if (/^[+-]?\d+$/.test(literal.text)) return { type: T.INT, value: Long.fromString(literal.text) }
    if (/^(true|false)$/i.test(literal.text)) throw literal.fail('a number (0 or 1)')
    return { type: T.FLOAT, value: parseFloatLiteral(literal) }
  }
}
