/** Rows added to another gradient in its place: a tied embedding's, whose head has a gradient for every row. */
import { EMBEDDING_GRAD } from '../../kernels/embedding/functions.js'
import { Graph, Node, type Value } from '../../src/ir.js'
import { sameShape } from '../../src/types.js'
import { replaceOutputOrCopy } from '../canonical/replace.js'
import { isConditional } from '../rewrites/products.js'

/** A + EmbeddingGrad(zeros, i, u) = EmbeddingGrad(A, i, u), under the condition of `addOfScatter`. */
export function addIntoBases(graph: Graph): void {
  for (const node of [...graph.nodes]) {
    if (node.qualifiedOp !== EMBEDDING_GRAD || node.inputs[0]) continue
    const sum = soleReader(node)
    if (sum?.qualifiedOp !== 'Add') continue
    const base = sum.inputs.find((v) => v !== node.output())
    if (!base || isConditional(base, sum) || !isAlike(base, node.output())) continue
    node.setInputs([base, null, node.input(2), node.input(3)])
    replaceOutputOrCopy(sum.output(), node.output(), graph)
    graph.removeNode(sum)
  }
}

/** The node of the same graph that reads the result, if that is all that does. */
function soleReader(node: Node): Node | undefined {
  const [use, ...more] = node.output().uses
  return more.length === 0 && use?.user instanceof Node && use.user.graph === node.graph
    ? use.user
    : undefined
}

function isAlike(a: Value, b: Value): boolean {
  return a.type?.dtype === b.type?.dtype && sameShape(a.type?.shape, b.type?.shape)
}
