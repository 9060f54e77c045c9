/** Positions whose label does not count, such as those of a prompt, need no logits: the head gets the other rows only. */
import { Builder } from '../src/builder.js'
import { Graph, Node, type Value } from '../src/ir.js'
import { CROSS_ENTROPY, IGNORE_INDEX, nextLabels } from '../src/ops/cross-entropy.js'
import { DOMAIN } from '../src/ops/dropbp.js'
import { elementCount, type Shape } from '../src/types.js'
import { inheritFrom } from './canonical/replace.js'
import type { CompileContext, Pass } from './pass.js'

export const selectRows: Pass = {
  name: 'select-rows',
  purpose: 'Leaves rows whose label does not count out of the head.',
  needs: 'Composite operators for norms and activations; every value typed.',
  leaves:
    'The same loss. From the residual stream to a cross-entropy of logits [batch, positions, classes], where nothing ' +
    'else reads what lies between, only the rows that count; ctx.atMost for their number.',
  run(ctx: CompileContext): void {
    for (const node of [...ctx.model.graph.nodes]) {
      if (`${node.domain}::${node.op}` === CROSS_ENTROPY) selectFor(ctx, node)
    }
  },
}

function selectFor(ctx: CompileContext, loss: Node): void {
  const logits = loss.input(0)
  const head = climb(logits)
  const last = head.at(-1)
  const stream = last && rowOperand(last)
  if (logits.type!.shape!.length !== 3 || !stream || !head.some(isProduct)) return
  const b = new Builder(ctx.model, ctx.model.graph, ctx.table, inheritFrom(loss))
  const shape = stream.type!.shape!
  const rows = elementCount(shape.slice(0, -1))
  const { labels, positions } = counted(b, loss)
  ctx.atMost.set(String(positions.type!.shape![0]!), rows)
  const take = (x: Value): Value => b.emit('Gather', [x, positions], { axis: 0 }, { name: 'rows' })
  let x = take(b.reshape(stream, [rows, shape.at(-1)!]))
  for (const node of head.reverse()) x = onRows(ctx, node, x)
  loss.setInput(0, x)
  loss.setInput(1, take(labels))
  loss.attributes.set('shift', { type: 'int', value: 0 })
  for (const node of head.reverse()) ctx.model.graph.removeNode(node)
}

/** The labels [rows], each position's own, and the positions of those that count. */
function counted(b: Builder, loss: Node): { labels: Value; positions: Value } {
  const ignore = loss.int('ignore_index', IGNORE_INDEX)
  const own = loss.int('shift', 0) ? nextLabels(loss, b, ignore) : loss.input(1)
  const labels = b.reshape(own, [elementCount(own.type!.shape!)])
  const counts = b.emit('Not', [b.emit('Equal', [labels, b.scalar(labels.type!.dtype, ignore)])])
  return { labels, positions: b.emit('Squeeze', [b.emit('NonZero', [counts]), b.ints([0])]) }
}

/** The nodes that compute each row of a value from one row of what the last of them reads, from the value upwards. */
function climb(from: Value): Node[] {
  const nodes: Node[] = []
  for (let value = from; ; value = rowOperand(nodes.at(-1)!)) {
    const node = value.producer
    const single = value.uses.size === 1 && [...value.uses].every(({ user }) => !(user instanceof Graph))
    if (!node || !single || node.outputs.length !== 1 || !isRowWise(node)) return nodes
    nodes.push(node)
  }
}

const UNARY = new Set(['Cast', 'Tanh', 'Sigmoid', 'Relu', 'Erf', 'Gelu'])
const ELEMENT_WISE = new Set(['Add', 'Sub', 'Mul', 'Div'])
const NORMALISATIONS = new Set(['LayerNormalization', 'RMSNormalization', `${DOMAIN}::RMSNorm`])
const PRODUCTS = new Set(['MatMul', 'Gemm'])

const nameOf = (node: Node): string => (node.domain === '' ? node.op : `${node.domain}::${node.op}`)

function isProduct(node: Node): boolean {
  return PRODUCTS.has(nameOf(node))
}

/** Whether each row of a node's result depends on the same row of its first operand alone, and on other operands as a whole. */
function isRowWise(node: Node): boolean {
  const [name, x] = [nameOf(node), rowOperand(node)]
  const rank = x.type?.shape?.length ?? 0
  if (rank < 2) return false
  if (UNARY.has(name)) return true
  if (ELEMENT_WISE.has(name)) return isRow(node.input(1 - rowIndex(node)))
  if (NORMALISATIONS.has(name)) return [-1, rank - 1].includes(node.int('axis', -1))
  if (name === 'Reshape') return keepsRows(x.type!.shape!, node.output().type?.shape)
  if (name === 'MatMul') return node.input(1).type?.shape?.length === 2
  return name === 'Gemm' && node.int('transA', 0) === 0 && (!node.inputs[2] || isRow(node.input(2)))
}

/** The operand whose rows a node computes on. */
function rowOperand(node: Node): Value {
  return node.input(rowIndex(node))
}

function rowIndex(node: Node): number {
  return ELEMENT_WISE.has(nameOf(node)) && isRow(node.input(0)) ? 1 : 0
}

/** Whether all rows have the same operand: a scalar, or as many numbers as a row. */
function isRow(operand: Value): boolean {
  return operand.type?.shape?.slice(0, -1).every((d) => d.constant === 1) ?? false
}

function keepsRows(from: Shape, to: Shape | undefined): boolean {
  return !!to && to.length >= 2 && from.at(-1)!.equals(to.at(-1)!)
}

/** A row-wise node over [rows, …]. */
function onRows({ model, table }: CompileContext, node: Node, x: Value): Value {
  if (node.op === 'Reshape') return x
  const b = new Builder(model, node.graph!, table, inheritFrom(node))
  const attributes = Object.fromEntries(node.attributes)
  if (attributes.axis) attributes.axis = { type: 'int', value: -1 }
  const inputs = node.inputs.with(rowIndex(node), x)
  return b.emit(
    node.op,
    ELEMENT_WISE.has(nameOf(node)) ? inputs.map((v) => flat(b, v!)) : inputs,
    attributes,
    {
      domain: node.domain,
      name: node.name,
    },
  )
}

/** An operand that is the same for all rows, without axes for them. */
function flat(b: Builder, v: Value): Value {
  return isRow(v) ? b.reshape(v, v.type!.shape!.slice(-1)) : v
}
