/** Rewrites of movement: Identity, Transpose and Reshape chains. */
import type { Node } from '../../src/ir.js'
import { sameShape } from '../../src/types.js'
import type { Rewrite } from './rewrite.js'

/** Identity(x) = x. */
export const dropIdentity: Rewrite = (node) => (is(node, 'Identity') ? node.input(0) : undefined)

/** Transpose(Transpose(x)) is one Transpose, or none. */
export const mergeTransposes: Rewrite = (node, b) => {
  const inner = is(node, 'Transpose') ? node.input(0).producer : undefined
  if (!inner || !is(inner, 'Transpose') || inner.graph !== node.graph) return undefined
  const [outer, first] = [node.ints('perm'), inner.ints('perm')]
  return (
    outer &&
    first &&
    b.transpose(
      inner.input(0),
      outer.map((p) => first[p]!),
    )
  )
}

/** Reshape(Reshape(x)) = Reshape(x), and Reshape to the shape that x has is x. */
export const mergeReshapes: Rewrite = (node, b) => {
  if (!is(node, 'Reshape')) return undefined
  const x = node.input(0)
  const shape = node.output().type?.shape
  if (!shape || !x.type?.shape) return undefined
  if (sameShape(x.type.shape, shape)) return x
  const inner = x.producer
  if (
    !inner ||
    inner.graph !== node.graph ||
    !['Reshape', 'Squeeze', 'Unsqueeze', 'Flatten'].includes(inner.op)
  )
    return undefined
  return inner.input(0).type?.shape && b.canRead(shape) ? b.reshape(inner.input(0), shape) : undefined
}

function is(node: Node, op: string): boolean {
  return node.op === op && node.domain === ''
}
