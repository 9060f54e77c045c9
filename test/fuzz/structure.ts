/** Damage that knows the format: messages that parse and say something wrong. */
import Long from 'long'
import type {
  AttributeProto,
  GraphProto,
  Int64,
  ModelProto,
  NodeProto,
  TensorProto,
} from '../../src/onnx/messages.js'
import { AttributeType } from '../../src/onnx/messages.js'
import type { Choices } from './source.js'

/** Changes a model in place and says what it did; undefined where there was nothing to change. */
export type Mutation = (model: ModelProto, c: Choices) => string | undefined

const DIMS: readonly Int64[] = [
  0,
  1,
  2,
  3,
  7,
  -1,
  -7,
  2 ** 31 - 1,
  2 ** 32,
  2 ** 40,
  2 ** 53,
  Long.MAX_VALUE,
  Long.MIN_VALUE,
]
const INTS: readonly Int64[] = [
  0,
  1,
  -1,
  2,
  5,
  100,
  -100,
  2 ** 31,
  -(2 ** 31),
  2 ** 45,
  Long.MAX_VALUE,
  Long.MIN_VALUE,
]
const FLOATS = [0, -1, 1e-38, 1e38, NaN, Infinity, -Infinity]
/** Element types of onnx.proto, some that no tensor has, and some that do not exist. */
const TYPES = [0, 1, 2, 3, 6, 7, 8, 9, 10, 11, 13, 14, 16, 17, 23, 99, -1]
const OPERATORS = [
  'Add',
  'Relu',
  'Reshape',
  'Gather',
  'Concat',
  'Slice',
  'Split',
  'Where',
  'Constant',
  'Loop',
  'If',
  'Scan',
  'Softmax',
  'LayerNormalization',
  'Transpose',
  'Cast',
  'Attention',
  'MatMul',
  'Gemm',
  'Einsum',
  'TopK',
  'Dropout',
  'Identity',
  'SequenceAt',
  'Expand',
  'ReduceSum',
  'ConstantOfShape',
  'Range',
  'Conv',
  'Resize',
  'Nothing',
]

/** A main graph, or one nested in it. */
function graphOf(model: ModelProto, c: Choices): GraphProto {
  const nested = (model.graph!.node ?? []).flatMap((n) => (n.attribute ?? []).flatMap((a) => a.g ?? []))
  return nested.length > 0 && c.chance(0.3) ? c.of(nested)! : model.graph!
}

function nodeOf(
  model: ModelProto,
  c: Choices,
  fits: (n: NodeProto) => boolean = () => true,
): NodeProto | undefined {
  return c.of((graphOf(model, c).node ?? []).filter(fits))
}

const at = (n: NodeProto | undefined): string => `${n?.opType} "${n?.name}"`

function valueNames(graph: GraphProto): string[] {
  return [
    ...(graph.input ?? []).map((v) => v.name ?? ''),
    ...(graph.initializer ?? []).map((v) => v.name ?? ''),
    ...(graph.node ?? []).flatMap((n) => n.output ?? []),
  ]
}

const swapInputs: Mutation = (model, c) => {
  const node = nodeOf(model, c, (n) => (n.input?.length ?? 0) > 1)
  if (!node) return undefined
  const inputs = node.input!
  const [i, j] = [c.below(inputs.length), c.below(inputs.length)]
  ;[inputs[i], inputs[j]] = [inputs[j]!, inputs[i]!]
  return `swap inputs ${i} and ${j} of ${at(node)}`
}

const rewire: Mutation = (model, c) => {
  const graph = graphOf(model, c)
  const node = c.of((graph.node ?? []).filter((n) => (n.input?.length ?? 0) > 0))
  const name = c.of(valueNames(model.graph!))
  if (!node || name === undefined) return undefined
  const i = c.below(node.input!.length)
  node.input![i] = name
  return `input ${i} of ${at(node)} reads "${name}"`
}

const cycle: Mutation = (model, c) => {
  const nodes = model.graph!.node ?? []
  const late = c.below(nodes.length)
  const early = nodes[c.below(late + 1)]
  const name = nodes[late]?.output?.[0]
  if (!early?.input?.length || name === undefined) return undefined
  early.input[c.below(early.input.length)] = name
  return `${at(early)} reads "${name}", which comes later`
}

const changeInputs: Mutation = (model, c) => {
  const node = nodeOf(model, c)
  if (!node) return undefined
  const inputs = (node.input ??= [])
  const how = c.below(4)
  if (how === 0) inputs.splice(c.below(inputs.length), 1)
  else if (how === 1) inputs.splice(c.below(inputs.length + 1), 0, c.of(valueNames(model.graph!)) ?? '')
  else if (how === 2) node.input = inputs.map((name, i) => (i === c.below(inputs.length) ? '' : name))
  else node.input = []
  return `change the number of inputs (${how}) of ${at(node)}`
}

const changeOutputs: Mutation = (model, c) => {
  const node = nodeOf(model, c)
  if (!node) return undefined
  const outputs = (node.output ??= [])
  const how = c.below(3)
  if (how === 0) outputs.splice(c.below(outputs.length), 1)
  else if (how === 1) outputs.push(`more_${c.below(100)}`)
  else outputs.push(c.of(valueNames(model.graph!)) ?? '')
  return `change the number of outputs (${how}) of ${at(node)}`
}

const dropAttribute: Mutation = (model, c) => {
  const node = nodeOf(model, c, (n) => (n.attribute?.length ?? 0) > 0)
  if (!node) return undefined
  const [gone] = node.attribute!.splice(c.below(node.attribute!.length), 1)
  return `drop attribute ${gone!.name} of ${at(node)}`
}

const changeAttribute: Mutation = (model, c) => {
  const node = nodeOf(model, c, (n) => (n.attribute?.length ?? 0) > 0)
  const attribute = node && c.of(node.attribute!)
  if (!attribute) return undefined
  const how = c.below(5)
  if (how === 0) retype(attribute, c)
  else if (how === 1) attribute.name = c.of(['', 'axis', 'axes', 'to', 'perm', 'value', 'nonsense'])!
  else if (how === 2) node.attribute!.push({ ...attribute })
  else revalue(attribute, c)
  return `change attribute ${attribute.name} (${how}) of ${at(node)}`
}

function retype(attribute: AttributeProto, c: Choices): void {
  const { name } = attribute
  for (const key of Object.keys(attribute)) delete attribute[key as keyof AttributeProto]
  Object.assign(attribute, {
    name,
    type: c.below(16),
    i: c.of(INTS),
    f: c.of(FLOATS),
    s: c.bytes(c.below(8)),
  })
  if (c.chance(0.5)) attribute.ints = Array.from({ length: c.below(9) }, () => c.of(INTS)!)
}

function revalue(attribute: AttributeProto, c: Choices): void {
  if (attribute.type === AttributeType.INTS) {
    attribute.ints ??= []
    const how = c.below(3)
    if (how === 0) attribute.ints.push(c.of(INTS)!)
    else if (how === 1) attribute.ints.pop()
    else attribute.ints = attribute.ints.map((i) => (c.chance(0.5) ? c.of(INTS)! : i))
  } else if (attribute.type === AttributeType.STRING)
    attribute.s = c.chance(0.5) ? c.bytes(5) : Buffer.from('none')
  else if (attribute.type === AttributeType.TENSOR && attribute.t) changeTensor(attribute.t, c)
  else {
    attribute.i = c.of(INTS)
    attribute.f = c.of(FLOATS)
  }
}

function changeTensor(tensor: TensorProto, c: Choices): void {
  const how = c.below(5)
  if (how === 0) tensor.dataType = c.of(TYPES)
  else if (how === 1) tensor.dims = [...(tensor.dims ?? []), c.of(DIMS)!]
  else if (how === 2) tensor.dims = (tensor.dims ?? []).map((d) => (c.chance(0.5) ? c.of(DIMS)! : d))
  else if (how === 3) tensor.dims = (tensor.dims ?? []).slice(1)
  else tensor.rawData = c.bytes(c.below(64))
}

const changeInitializer: Mutation = (model, c) => {
  const tensor = c.of(graphOf(model, c).initializer ?? [])
  if (!tensor) return undefined
  changeTensor(tensor, c)
  return `change initializer "${tensor.name}"`
}

/** A weight that fits its own data and nothing else: the dimensions in another order, or one folded. */
const reshapeInitializer: Mutation = (model, c) => {
  const tensor = c.of((graphOf(model, c).initializer ?? []).filter((t) => (t.dims?.length ?? 0) > 1))
  if (!tensor) return undefined
  const dims = tensor.dims!.map(Number)
  tensor.dims = c.chance(0.5) ? dims.reverse() : [dims[0]! * dims[1]!, ...dims.slice(2)]
  return `reshape initializer "${tensor.name}"`
}

const changeValueType: Mutation = (model, c) => {
  const graph = graphOf(model, c)
  const info = c.of([...(graph.input ?? []), ...(graph.output ?? []), ...(graph.valueInfo ?? [])])
  if (!info) return undefined
  const tensor = info.type?.tensorType
  const how = c.below(5)
  if (!tensor || how === 0) delete info.type
  else if (how === 1) tensor.elemType = c.of(TYPES)
  else if (how === 2) delete tensor.shape
  else if (how === 3) (tensor.shape ??= { dim: [] }).dim?.push({ dimValue: c.of(DIMS) })
  else {
    const dim = c.of(tensor.shape?.dim ?? [])
    if (dim)
      Object.assign(
        dim,
        c.chance(0.5)
          ? { dimValue: c.of(DIMS) }
          : { dimParam: c.of(['', 'a b', '1/0', 'batch*', '((', 'é', 'batch - 9']) },
      )
  }
  return `change the type (${how}) of "${info.name}"`
}

const rename: Mutation = (model, c) => {
  const node = nodeOf(model, c, (n) => (n.output?.length ?? 0) > 0)
  if (!node) return undefined
  const name = c.chance(0.5) ? 'nowhere' : (c.of(valueNames(model.graph!)) ?? '')
  node.output![c.below(node.output!.length)] = name
  return `an output of ${at(node)} is called "${name}"`
}

const changeOperator: Mutation = (model, c) => {
  const node = nodeOf(model, c)
  if (!node) return undefined
  const old = at(node)
  node.opType = c.of(OPERATORS)!
  if (c.chance(0.2)) node.domain = c.of(['com.microsoft', 'ai.onnx', 'ai.onnx.ml', 'nobody', 'com.dropbp'])!
  return `${old} is ${node.domain ?? ''}::${node.opType}`
}

const duplicate: Mutation = (model, c) => {
  const graph = graphOf(model, c)
  const lists = [graph.node, graph.initializer, graph.input, graph.output, graph.valueInfo] as (
    unknown[] | undefined
  )[]
  const list = c.of(lists.filter((l) => l !== undefined && l.length > 0))
  if (!list) return undefined
  list.splice(c.below(list.length), 0, list[c.below(list.length)])
  return `something of graph "${graph.name}" is there twice`
}

const remove: Mutation = (model, c) => {
  const graph = graphOf(model, c)
  const lists = [graph.node, graph.initializer, graph.input, graph.output] as (unknown[] | undefined)[]
  const list = c.of(lists.filter((l) => l !== undefined && l.length > 0))
  if (!list) return undefined
  list.splice(c.below(list.length), c.chance(0.1) ? list.length : 1)
  return `something of graph "${graph.name}" is gone`
}

const changeResult: Mutation = (model, c) => {
  const graph = graphOf(model, c)
  const name = c.of([...valueNames(graph), ...valueNames(model.graph!), 'nowhere'])!
  const result = c.of(graph.output ?? [])
  if (!result) return undefined
  result.name = name
  return `graph "${graph.name}" returns "${name}"`
}

const changeVersions: Mutation = (model, c) => {
  const how = c.below(4)
  if (how === 0) model.irVersion = c.of(INTS)
  else if (how === 1) model.opsetImport = [{ domain: '', version: c.below(40) }]
  else if (how === 2) model.opsetImport = []
  else model.opsetImport!.push({ domain: c.of(['', 'ai.onnx', 'com.microsoft'])!, version: c.of(INTS) })
  return `versions (${how})`
}

const externalise: Mutation = (model, c) => {
  const tensor = c.of(model.graph!.initializer ?? [])
  if (!tensor) return undefined
  const location = c.of(['../secret', '/etc/passwd', '', 'nowhere.data', '.', 'a/../../b', 'C:\\x'])!
  tensor.externalData = [{ key: 'location', value: location }]
  if (c.chance(0.5))
    tensor.externalData.push({ key: c.of(['offset', 'length'])!, value: c.of(['-1', '1e99', 'x', ''])! })
  tensor.dataLocation = 1
  if (c.chance(0.5)) delete tensor.rawData
  return `"${tensor.name}" lies in "${location}"`
}

/** Puts a node below many `If` nodes. */
const nest: Mutation = (model, c) => {
  const nodes = model.graph!.node ?? []
  const i = c.below(nodes.length)
  const node = nodes[i]
  if (!node?.output?.length) return undefined
  let inner: NodeProto = node
  const depth = 1 + c.below(20)
  const condition = c.of(valueNames(model.graph!))!
  for (let d = 0; d < depth; d++) {
    const outer = inner.output!.map((o) => `${o}_${d}`)
    const graph = (suffix: string): GraphProto => ({
      name: `nested_${d}`,
      node: [
        inner,
        ...inner.output!.map((o, k) => ({
          opType: 'Identity',
          input: [o],
          output: [`${outer[k]}${suffix}`],
        })),
      ],
      output: outer.map((name) => ({ name: `${name}${suffix}` })),
    })
    const branch = (name: string): AttributeProto => ({
      name,
      type: AttributeType.GRAPH,
      g: graph(`_${name}`),
    })
    inner = {
      opType: 'If',
      name: `if_${d}`,
      input: [condition],
      output: outer,
      attribute: [branch('then_branch')],
    }
    if (c.chance(0.8))
      inner.attribute!.push({
        ...branch('else_branch'),
        g: {
          name: 'else',
          node: inner.output!.map((o) => ({ opType: 'Identity', input: [condition], output: [`${o}_e`] })),
          output: inner.output!.map((o) => ({ name: `${o}_e` })),
        },
      })
  }
  nodes[i] = { ...inner, output: node.output }
  return `${at(node)} lies ${depth} graphs deep`
}

const breakText: Mutation = (model, c) => {
  const node = nodeOf(model, c)
  if (!node) return undefined
  const text = c.of([
    '',
    '\u0000',
    'a"b\\',
    '💥'.repeat(50),
    '__proto__',
    'constructor',
    '../x',
    'x'.repeat(1e5),
  ])!
  if (c.chance(0.5)) node.name = text
  else if (node.output?.length) node.output[0] = text
  return `text of ${at(node)}`
}

export const MUTATIONS: readonly Mutation[] = [
  swapInputs,
  rewire,
  cycle,
  changeInputs,
  changeOutputs,
  dropAttribute,
  changeAttribute,
  changeInitializer,
  reshapeInitializer,
  changeValueType,
  rename,
  changeOperator,
  duplicate,
  remove,
  changeResult,
  changeVersions,
  externalise,
  nest,
  breakText,
]

/** One to three changes; the texts say what was done. */
export function mutateModel(model: ModelProto, c: Choices): string[] {
  const done: string[] = []
  for (let n = 1 + c.below(3); n > 0; n--) {
    const said = c.of(MUTATIONS)!(model, c)
    if (said) done.push(said)
  }
  return done
}
