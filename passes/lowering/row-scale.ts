/** Moves row factors out of the largest matrices: with R = diag(s)·G, R·B = diag(s)·(G·B) and A·R = (A·diag(s))·G. */
import type { Builder } from '../../src/builder.js'
import { Expr } from '../../src/expr.js'
import { Graph, Node, type Value } from '../../src/ir.js'
import { ROW_SCALE } from '../../src/ops/cross-entropy.js'
import { replaceOutputOrCopy } from '../canonical/replace.js'

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

/** The product without the factors, and the factors where they go instead. */
function moveInto(product: Node, scale: Node, b: Builder): void {
  const [x, y] = [product.input(0), product.input(1)]
  const [g, s] = [scale.input(0), scale.input(1)]
  const [transA, transB] = [product.int('transA', 0) === 1, product.int('transB', 0) === 1]
  const isLeft = origin(x) === scale.output()
  const again = (left: Value, right: Value): Value =>
    b.emit(product.op, [left, right], Object.fromEntries(product.attributes), {
      domain: product.domain,
      name: product.name,
    })
  const result = (): Value => {
    if (isLeft && transA) return again(g, b.mul(y, transB ? asRow(s, b) : s))
    if (isLeft) return b.mul(again(g, y), s)
    return transB ? b.mul(again(x, g), asRow(s, b)) : again(b.mul(x, transA ? s : asRow(s, b)), g)
  }
  replaceOutputOrCopy(product.output(), result(), product.graph!)
  product.graph!.removeNode(product)
}

/** What a chain of views looks at. */
function origin(v: Value): Value {
  let value = v
  while (value.producer && VIEWS.has(value.producer.qualifiedOp)) value = value.producer.input(0)
  return value
}

function asRow(s: Value, b: Builder): Value {
  return b.reshape(s, [Expr.one, s.type!.shape![0]!])
}
