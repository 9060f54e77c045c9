/** Half-precision arithmetic turned into float32 arithmetic. */
import { Builder, dtypeOf, ELEMENT_TYPE } from '../src/builder.js'
import { Node, Value, type Attribute, type Graph, type Model } from '../src/ir.js'
import type { OpTable } from '../src/op.js'
import { allGraphs } from '../src/order.js'
import { widened } from '../src/tensor.js'
import type { DType } from '../src/types.js'
import { isNestedResult, redirect, replaceOutput } from './canonical/replace.js'
import type { Pass } from './pass.js'

export const widen: Pass = {
  name: 'widen',
  purpose:
    'Computes in float32 what the source computes in float16 or bfloat16, so that its weights train as float32.',
  needs: 'Every value typed; ctx.parameters.',
  leaves:
    'With options.precision "auto": no value of a half type but the inputs that the source declares so. Else the same graph.',
  run({ model, table, parameters, options, notes }) {
    for (const p of parameters) if (isHalf(p.value.type?.dtype)) p.sourceType = p.value.type!.dtype
    if (options.precision === 'source') return
    const found = new Set<DType>()
    for (const graph of allGraphs(model.graph)) widenGraph(graph, found)
    if (found.size === 0) return
    for (const input of [...model.graph.inputs]) feedHalf(input, model, table, notes)
    notes.push(
      `${[...found].sort().join(' and ')} is computed in float32; --precision source computes in the source's types`,
    )
  },
}

/** Whether a type is one of the half-precision ones. */
export function isHalf(dtype: DType | undefined): boolean {
  return dtype === 'float16' || dtype === 'bfloat16'
}

/** Changes the types in place; a cast between floats that says nothing any more goes. */
function widenGraph(graph: Graph, found: Set<DType>): void {
  for (const value of graph.inputs) if (graph.owner) retype(value, found)
  for (const value of graph.initializers) {
    if (isHalf(value.data!.dtype)) value.data = widened(value.data!)
    retype(value, found)
  }
  for (const node of [...graph.nodes]) {
    for (const [name, attribute] of node.attributes) {
      const wide = widerAttribute(name, attribute)
      if (wide) node.attributes.set(name, wide)
    }
    for (const value of node.outputs) retype(value, found)
  }
  for (const node of [...graph.nodes]) dropNeedlessCast(node)
}

function dropNeedlessCast(node: Node): void {
  if (node.op !== 'Cast' || node.domain !== '') return
  const [x, y] = [node.input(0), node.output()]
  if (y.type?.dtype !== 'float32' || x.type?.dtype !== 'float32') return
  if (!isNestedResult(y) && replaceOutput(y, x)) node.graph!.removeNode(node)
}

function retype(value: Value, found: Set<DType>): void {
  const type = value.type
  if (!type || !isHalf(type.dtype)) return
  found.add(type.dtype)
  value.type = { ...type, dtype: 'float32' }
}

/** Attributes that name an element type: of Cast, of random draws, of ranges and windows, of normalisations. */
const TYPE_ATTRIBUTES: ReadonlySet<string> = new Set([
  'to',
  'dtype',
  'output_dtype',
  'output_datatype',
  'softmax_precision',
  'stash_type',
])

function widerAttribute(name: string, attribute: Attribute): Attribute | undefined {
  if (attribute.type === 'tensor' && isHalf(attribute.value.dtype))
    return { type: 'tensor', value: widened(attribute.value) }
  if (attribute.type === 'int' && TYPE_ATTRIBUTES.has(name) && isHalf(dtypeOf(attribute.value)))
    return { type: 'int', value: ELEMENT_TYPE.float32! }
  return undefined
}

/**
 * An input of the model that is float16 stays what it is, and is cast where it is read. One that is bfloat16 becomes
 * float32: bindings of ONNX Runtime cannot feed bfloat16.
 */
function feedHalf(input: Value, model: Model, table: OpTable, notes: string[]): void {
  const type = input.type!
  if (type.dtype === 'bfloat16') {
    input.type = { ...type, dtype: 'float32' }
    notes.push(`input "${input.name}" is float32 instead of bfloat16`)
  }
  if (type.dtype !== 'float16') return
  const uses = [...input.uses].filter(({ user }) => !(user instanceof Node && user.op === 'Shape'))
  const wide = new Builder(model, model.graph, table).cast(input, 'float32')
  redirect(uses, wide)
}
