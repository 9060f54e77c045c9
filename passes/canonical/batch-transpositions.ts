/** Products whose operands ONNX Runtime's optimizer has stored with a batch axis inside. */
import type { Builder } from '../../src/builder.js'
import type { Node } from '../../src/ir.js'
import { shapeOf } from '../../src/ops/support/shapes.js'

/**
 * `transBatchA` and `transBatchB` of com.microsoft's FusedMatMul become transpositions before it: an operand [M, batch…, K] is
 * read as [batch…, M, K].
 */
export function plainBatches(node: Node, b: Builder): void {
  if (!PRODUCTS.has(node.qualifiedOp)) return
  for (const [i, name] of ['transBatchA', 'transBatchB'].entries()) {
    if (!node.int(name, 0) || !node.input(i).type?.shape) continue
    const rank = shapeOf(node, node.input(i)).length
    const batches = Array.from({ length: rank - 2 }, (_, k) => k + 1)
    node.setInput(i, b.transpose(node.input(i), [...batches, 0, rank - 1]))
    node.attributes.delete(name)
  }
}

const PRODUCTS: ReadonlySet<string> = new Set([
  'com.microsoft::FusedMatMul',
  'com.microsoft::FusedMatMulActivation',
  'com.microsoft::TransposeMatMul',
])
