/** Text to messages. */
import Long from 'long'
import {
  AttributeType as T,
  DataLocation,
  type AttributeProto,
  type DimensionProto,
  type Entry,
  type FunctionProto,
  type GraphProto,
  type Int64,
  type ModelProto,
  type NodeProto,
  type OperatorSetId,
  type TensorProto,
  type TensorTypeProto,
  type TypeProto,
  type ValueInfo,
} from '../onnx/schema.js'
import { elementBytes, parseFloatLiteral, PRIMITIVES } from './literals.js'
import { Scanner } from './scanner.js'

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

/** Recursive descent; one method a rule of the grammar. */
export class Parser {
  private readonly s: Scanner

  constructor(text: string) {
    this.s = new Scanner(text)
  }

  model(): ModelProto {
    const data = this.s.accept('<') ? this.otherData() : {}
    const model: ModelProto = {
      irVersion: data.numbers?.get('ir_version') ?? DEFAULT_IR,
      opsetImport: data.opsets ?? [{ domain: '', version: DEFAULT_OPSET }],
      ...texts(data, {
        producerName: 'producer_name',
        producerVersion: 'producer_version',
        domain: 'domain',
        docString: 'doc_string',
      }),
      metadataProps: data.entries ?? [],
    }
    const version = data.numbers?.get('model_version')
    if (version !== undefined) model.modelVersion = version
    model.graph = this.graph()
    model.functions = []
    while (!this.s.atEnd) model.functions.push(this.function())
    return model
  }

  graph(): GraphProto {
    const graph: GraphProto = { name: this.s.name('the name of a graph'), initializer: [], valueInfo: [] }
    this.s.expect('(')
    graph.input = this.valuesOrInitializers(')', graph.initializer!)
    this.s.expect('=>')
    this.s.expect('(')
    graph.output = this.s.list(')', () => this.valueInfo())
    if (this.s.accept('<')) graph.valueInfo = this.declared(graph)
    graph.node = this.nodes()
    return graph
  }

  /** Initializers go to the graph; what has no value is a description of an intermediate. */
  private declared(graph: GraphProto): ValueInfo[] {
    const initializers: TensorProto[] = []
    const infos = this.valuesOrInitializers('>', initializers)
    graph.initializer!.push(...initializers)
    const names = new Set(initializers.map((t) => t.name))
    return infos.filter((info) => !names.has(info.name))
  }

  private valuesOrInitializers(close: string, initializers: TensorProto[]): ValueInfo[] {
    return this.s.list(close, () => {
      const info = this.valueInfo()
      if (this.s.accept('=')) initializers.push(this.initializer(info))
      return info
    })
  }

  private initializer(info: ValueInfo): TensorProto {
    if (!info.type?.tensorType) throw this.s.fail(`"${info.name}" to have a tensor type before its value`)
    const proto = this.tensorOf(info.type.tensorType, info.name!)
    if (this.s.accept('[')) {
      proto.externalData = this.pairs()
      proto.dataLocation = DataLocation.EXTERNAL
      return proto
    }
    return this.elements(proto)
  }

  private tensorOf(type: TensorTypeProto, name: string): TensorProto {
    const dims = (type.shape?.dim ?? []).map((d) => {
      if (d.dimValue === undefined) throw this.s.fail(`the dimensions of tensor "${name}" to be numbers`)
      return d.dimValue
    })
    return { dims, dataType: type.elemType!, ...(name && { name }) }
  }

  private elements(proto: TensorProto): TensorProto {
    const { s } = this
    s.expect('{')
    if (PRIMITIVES[proto.dataType!] === 'string') {
      proto.stringData = s.list('}', () => Buffer.from(s.quoted(), 'utf8'))
      return proto
    }
    const literals = s.list('}', () => s.literal())
    const size = proto.dims!.reduce<number>((n, d) => n * Number(d), 1)
    if (literals.length !== size)
      throw s.fail(`${size} values for tensor "${proto.name ?? ''}" (there are ${literals.length}) before`)
    proto.rawData = elementBytes(proto.dataType!, literals)
    return proto
  }

  private valueInfo(): ValueInfo {
    const type = this.seesType() ? this.type() : undefined
    const name = this.s.name('the name of a value')
    return type ? { name, type } : { name }
  }

  /** A word that names a type is one unless it stands where only a name can. */
  private seesType(): boolean {
    const word = this.s.peekWord()
    if (word === undefined || !(PRIMITIVES.includes(word) || COMPOUND.has(word))) return false
    return this.s.ahead(() => {
      this.s.name()
      return this.s.seesName() || this.s.sees('[') || this.s.sees('(')
    })
  }

  private type(): TypeProto {
    const { s } = this
    const word = s.name('a type')
    const inner = <R>(parse: () => R): R => {
      s.expect('(')
      const result = parse()
      s.expect(')')
      return result
    }
    switch (word) {
      case 'seq':
        return { sequenceType: { elemType: inner(() => this.type()) } }
      case 'optional':
        return { optionalType: { elemType: inner(() => this.type()) } }
      case 'sparse_tensor':
        return { sparseTensorType: inner(() => this.shaped(s.name('an element type'))) }
      case 'opaque':
        return { opaqueType: inner(() => this.opaque()) }
      case 'map':
        return inner(() => {
          const keyType = this.elementType(s.name('an element type'))
          s.expect(',')
          return { mapType: { keyType, valueType: this.type() } }
        })
      default:
        return { tensorType: this.shaped(word) }
    }
  }

  private opaque(): { domain?: string; name?: string } {
    if (this.s.sees(')')) return {}
    const first = this.qualified()
    return this.s.accept(',') ? { domain: first, name: this.s.name() } : { name: first }
  }

  private elementType(word: string): number {
    const code = PRIMITIVES.indexOf(word)
    if (code < 0)
      throw this.s.fail(`an element type (${PRIMITIVES.slice(1, 17).join(', ')}, …), not "${word}", before`)
    return code
  }

  /** `float[2, n]`, a scalar `float`, or `float[]` for any rank. */
  private shaped(word: string): TensorTypeProto {
    const elemType = this.elementType(word)
    if (!this.s.accept('[')) return { elemType, shape: { dim: [] } }
    const dim = this.s.list(']', () => this.dim())
    return dim.length > 0 ? { elemType, shape: { dim } } : { elemType }
  }

  private dim(): DimensionProto {
    if (this.s.accept('?')) return {}
    return this.s.seesName() ? { dimParam: this.s.name() } : { dimValue: Long.fromString(this.s.integer()) }
  }

  private nodes(): NodeProto[] {
    this.s.expect('{')
    const nodes: NodeProto[] = []
    while (!this.s.accept('}')) nodes.push(this.node())
    return nodes
  }

  private node(): NodeProto {
    const { s } = this
    const node: NodeProto = {}
    if (s.accept('[')) {
      node.name = s.name('the label of a node')
      s.expect(']')
    }
    node.output = s.list('=', () => this.operand())
    const path = this.path()
    node.opType = path.pop()!
    if (path.length > 0) node.domain = path.join('.')
    if (s.accept(':')) node.overload = s.name('an overload')
    node.attribute = this.attributes()
    s.expect('(')
    node.input = s.list(')', () => this.operand())
    node.attribute.push(...this.attributes())
    return node
  }

  /** A name, or nothing at all for an absent operand. */
  private operand(): string {
    return this.s.sees(',') ? '' : this.s.name('the name of a value')
  }

  private path(): string[] {
    const parts = [this.s.name('an operator')]
    while (this.s.accept('.')) parts.push(this.s.name())
    return parts
  }

  private qualified(): string {
    return this.path().join('.')
  }

  private attributes(): AttributeProto[] {
    return this.s.accept('<')
      ? this.s.list('>', () => this.attribute(this.s.name('the name of an attribute')))
      : []
  }

  private attribute(name: string): AttributeProto {
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
      return { type: T.TYPE_PROTO, value: this.type() }
    if (s.seesName()) {
      if (s.ahead(() => (s.name(), s.sees('(')))) return { type: T.GRAPH, value: this.graph() }
      if (s.sees('"')) return { type: T.STRING, value: Buffer.from(s.quoted(), 'utf8') }
      if (PRIMITIVES.includes(s.peekWord()!)) return { type: T.TENSOR, value: this.tensor() }
    }
    const literal = s.literal()
    if (/^[+-]?\d+$/.test(literal.text)) return { type: T.INT, value: Long.fromString(literal.text) }
    if (/^(true|false)$/i.test(literal.text)) throw literal.fail('a number (0 or 1)')
    return { type: T.FLOAT, value: parseFloatLiteral(literal) }
  }

  private tensor(): TensorProto {
    const type = this.shaped(this.s.name())
    const name = this.s.seesName() ? this.s.name() : ''
    this.s.accept('=')
    return this.elements(this.tensorOf(type, name))
  }

  private function(): FunctionProto {
    const { s } = this
    const data = s.accept('<') ? this.otherData() : {}
    const fn: FunctionProto = {
      ...texts(data, { domain: 'domain', overload: 'overload', docString: 'doc_string' }),
      opsetImport: data.opsets ?? [],
      name: s.name('the name of a function'),
      attribute: [],
      attributeProto: [],
    }
    if (s.accept('<')) s.list('>', () => this.functionAttribute(fn))
    const infos: ValueInfo[] = []
    const names = (): string[] => {
      s.expect('(')
      const found = s.list(')', () => this.valueInfo())
      infos.push(...found.filter((i) => i.type))
      return found.map((i) => i.name!)
    }
    fn.input = names()
    s.expect('=>')
    fn.output = names()
    if (s.accept('<')) infos.push(...s.list('>', () => this.valueInfo()))
    fn.valueInfo = infos
    fn.node = this.nodes()
    return fn
  }

  private functionAttribute(fn: FunctionProto): void {
    const name = this.s.name('the name of an attribute')
    if (this.s.sees(':') || this.s.sees('=')) fn.attributeProto!.push(this.attribute(name))
    else fn.attribute!.push(name)
  }

  private otherData(): OtherData {
    const data: OtherData = { numbers: new Map(), strings: new Map() }
    this.s.list('>', () => {
      const key = this.s.name('a key')
      this.s.expect(':')
      if (key === 'opset_import') data.opsets = this.opsets()
      else if (key === 'metadata_props') data.entries = (this.s.expect('['), this.pairs())
      else if (key === 'ir_version' || key === 'model_version')
        data.numbers!.set(key, Number(this.s.integer()))
      else if (TEXT_KEYS.has(key)) data.strings!.set(key, this.s.quoted())
      else
        throw this.s.fail(
          `one of ir_version, opset_import, metadata_props, model_version, ${[...TEXT_KEYS].join(', ')}, not "${key}", before`,
        )
    })
    return data
  }

  private opsets(): OperatorSetId[] {
    this.s.expect('[')
    return this.s.list(']', () => {
      const domain = this.s.quoted()
      this.s.expect(':')
      return { domain, version: Number(this.s.integer()) }
    })
  }

  private pairs(): Entry[] {
    return this.s.list(']', () => {
      const key = this.s.quoted()
      this.s.expect(':')
      return { key, value: this.s.quoted() }
    })
  }
}

const COMPOUND: ReadonlySet<string> = new Set(['seq', 'map', 'optional', 'sparse_tensor', 'opaque'])
const TEXT_KEYS: ReadonlySet<string> = new Set([
  'producer_name',
  'producer_version',
  'domain',
  'doc_string',
  'overload',
])

/** What a text without a header means: the versions that the passes work in. */
const DEFAULT_IR = 10
const DEFAULT_OPSET = 20

interface OtherData {
  numbers?: Map<string, number>
  strings?: Map<string, string>
  opsets?: OperatorSetId[]
  entries?: Entry[]
}

function texts<K extends string>(
  data: OtherData,
  keys: Readonly<Record<K, string>>,
): Partial<Record<K, string>> {
  const found: Partial<Record<K, string>> = {}
  for (const [field, key] of Object.entries<string>(keys)) {
    const text = data.strings?.get(key)
    if (text !== undefined) found[field as K] = text
  }
  return found
}

/** The value as a declared type; integers may stand for floats. */
function convert(item: Item, type: number): Item['value'] | undefined {
  if (item.type === type) return item.value
  return item.type === T.INT && type === T.FLOAT ? Number(item.value) : undefined
}
