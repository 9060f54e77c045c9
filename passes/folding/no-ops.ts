/** Nodes whose first output equals their first input, as their types tell. */
import type { Node, Value } from '../../src/ir.js'
import { sameShape } from '../../src/types.js'

/** Whether a node passes its first input on unchanged. */
export function isNoOp(node: Node): boolean {
  const check = node.domain === '' ? NO_OPS[node.op] : undefined
  const x = node.inputs[0]
  if (!check || !x?.type || x.type.dtype !== node.output().type?.dtype) return false
  return sameShape(x.type.shape, node.output().type?.shape) && check(node)
}

const always = (): boolean => true

/** What must hold besides equal type and shape. */
const NO_OPS: Readonly<Record<string, (node: Node) => boolean>> = {
  Cast: always,
  Concat: (node) => node.inputs.length === 1,
  Div: (node) => isConstant(node.inputs[1], 1),
  Expand: always,
  Flatten: always,
  Mul: (node) => isConstant(node.inputs[1], 1),
  Reshape: always,
  Slice: (node) => !node.inputs[4] || node.inputs[4].known?.every((step) => step.equals(1)) === true,
  Squeeze: always,
  Transpose: (node) => node.ints('perm')?.every((p, i) => p === i) === true,
  Unsqueeze: always,
}

function isConstant(value: Value | null | undefined, n: number): boolean {
  return value?.data?.size === 1 && value.type?.dtype !== 'string' && value.data.item() === n
}
