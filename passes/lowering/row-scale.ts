/** Moves row factors out of the largest matrices: with R = diag(s)·G, R·B = diag(s)·(G·B) and A·R = (A·diag(s))·G. */
import type { Builder } from '../../src/builder.js'
import { Expr } from '../../src/expr.js'
import { Graph, Node, type Value } from '../../src/ir.js'
import { ROW_SCALE } from '../../src/ops/cross-entropy.js'

const VIEWS = new Set(['Reshape', 'Squeeze', 'Unsqueeze', 'Flatten', 'Identity'])
const PRODUCTS = new Set(['MatMul', 'Gemm', 'com.microsoft::FusedMatMul'])

/**
 * Lets matrix products take over the factors of RowScale nodes. The gradient of the logits is the widest matrix of a
 * training step, and the factors would need a second one of its size. A RowScale that anything else reads stays.
 */
export function moveRowScales(graph: Graph, b: Builder): void {
  for (const node of [...graph.nodes]) {
    if (node.qualifiedOp !== ROW_SCALE) continue
    const products = productsOf(node)
    if (!products) continue
    for (const product of products) moveInto(product, node, b)
  }
}

/** The products that read this matrix, directly or through views; undefined where anything else does. */
function productsOf(scale: Node): Node[] | undefined {
  const found = new Set<Node>()
  const pending = [scale.output()]
  while (pending.length > 0) {
    const value = pending.pop()!
    for (const { user } of value.uses) {
      if (!(user instanceof Node) || user.graph !== scale.graph) return undefined
      if (PRODUCTS.has(user.qualifiedOp) && canTake(user, value, scale)) found.add(user)
      else if (VIEWS.has(user.qualifiedOp) && sameColumns(user.output(), scale)) pending.push(user.output())
      else return undefined
    }
  }
  return [...found]
}

function sameColumns(view: Value, scale: Node): boolean {
  const [to, from] = [view.type?.shape?.at(-1), scale.output().type?.shape?.[1]]
  return !!to && !!from && to.equals(from)
}

/** A plain product of two matrices, of which exactly one is ours, its rows outermost. */
function canTake(product: Node, value: Value, scale: Node): boolean {
  const [x, y, c] = product.inputs
  if (c || ![x, y].every((v) => v?.type?.shape?.length === 2)) return false
  if (origin(x!) === origin(y!)) return false
  const rows = value.type!.shape![0]!
  return rows.equals(scale.output().type!.shape![0]!)
}

function moveInto(product: Node, scale: Node, b: Builder): void {
  const [x, y] = [product.input(0), product.input(1)]
  const [g, s] = [scale.input(0), scale.input(1)]
  const isOurs = (v: Value): boolean => origin(v) === scale.output()
  const [tx, ty] = [product.int('transA', 0), product.int('transB', 0)]
  if (isOurs(x)) product.setInput(0, g)
  else product.setInput(1, g)
  if (isOurs(x) && !tx) scaleRowsOfResult(product, s, b)
  else if (isOurs(x)) product.setInput(1, scaled(y, s, ty === 0, b))
  else if (!ty) product.setInput(0, scaled(x, s, tx === 1, b))
  else scaleColumnsOfResult(product, s, b)
}

/** What a chain of views looks at. */
function origin(v: Value): Value {
  let value = v
  while (value.producer && VIEWS.has(value.producer.qualifiedOp)) value = value.producer.input(0)
  return value
}

/** The other operand times the factors, along its rows or its columns. */
function scaled(v: Value, s: Value, alongRows: boolean, b: Builder): Value {
  return b.mul(v, alongRows ? s : asRow(s, b))
}

function asRow(s: Value, b: Builder): Value {
  return b.reshape(s, [Expr.one, s.type!.shape![0]!])
}

function scaleRowsOfResult(product: Node, s: Value, b: Builder): void {
  replaceResult(product, (y) => b.mul(y, s))
}

function scaleColumnsOfResult(product: Node, s: Value, b: Builder): void {
  replaceResult(product, (y) => b.mul(y, asRow(s, b)))
}

function replaceResult(product: Node, make: (y: Value) => Value): void {
  const y = product.output()
  const users = [...y.uses]
  const result = make(y)
  for (const { user, index } of users) {
    if (user instanceof Node) user.setInput(index, result)
    else user.setOutput(index, result)
  }
}
