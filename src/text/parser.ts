/** Text to messages. */
import type {
  FunctionProto,
  GraphProto,
  ModelProto,
  NodeProto,
  TensorProto,
  ValueInfo,
} from '../onnx/messages.js'
import { Attributes } from './attributes.js'
import { otherData, texts } from './header.js'
import { Scanner } from './scanner.js'
import { initializer } from './tensors.js'
import { parsePath, parseType, seesType } from './types.js'

/** What a text without a header means: the versions that the passes work in. */
const DEFAULT_IR = 10
const DEFAULT_OPSET = 20

/** Recursive descent; one method a rule of the grammar. */
export class Parser {
  private readonly s: Scanner
  private readonly attributes: Attributes

  constructor(text: string) {
    this.s = new Scanner(text)
    this.attributes = new Attributes(this.s, () => this.graph())
  }

  model(): ModelProto {
    const data = this.s.accept('<') ? otherData(this.s) : {}
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
      if (this.s.accept('=')) initializers.push(initializer(this.s, info))
      return info
    })
  }

  private valueInfo(): ValueInfo {
    const type = seesType(this.s) ? parseType(this.s) : undefined
    const name = this.s.name('the name of a value')
    return type ? { name, type } : { name }
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
    const path = parsePath(this.s)
    node.opType = path.pop()!
    if (path.length > 0) node.domain = path.join('.')
    if (s.accept(':')) node.overload = s.name('an overload')
    node.attribute = this.attributes.list()
    s.expect('(')
    node.input = s.list(')', () => this.operand())
    node.attribute.push(...this.attributes.list())
    return node
  }

  /** A name, or nothing at all for an absent operand. */
  private operand(): string {
    return this.s.sees(',') ? '' : this.s.name('the name of a value')
  }

  private function(): FunctionProto {
    const { s } = this
    const data = s.accept('<') ? otherData(this.s) : {}
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
    if (this.s.sees(':') || this.s.sees('=')) fn.attributeProto!.push(this.attributes.one(name))
    else fn.attribute!.push(name)
  }
}
