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
  Add: (node) => isConstant(node.inputs[1], 0),
  Cast: always,
  Concat: (node) => node.inputs.length === 1,
  Div: (node) => isConstant(node.inputs[1], 1),
  Expand: always,
  Flatten: always,
  Mul: (node) => isConstant(node.inputs[1], 1),
  Reshape: always,
  Slice: (node) => !node.inputs[4] || node.inputs[4].known?.every((step) => step.equals(1)) === true,
  Squeeze: always,
  Sub: (node) => isConstant(node.inputs[1], 0),
  Transpose: (node) => node.ints('perm')?.every((p, i) => p === i) === true,
  Unsqueeze: always,
}

function isConstant(value: Value | null | undefined, n: number): boolean {
  return value?.data?.size === 1 && value.type?.dtype !== 'string' && value.data.item() === n
}

/** Removes operands of a Concat that add nothing: an empty cache before the keys. */
export function dropEmptyOperands(node: Node): void {
  const rank = node.output().type?.shape?.length
  if (node.op !== 'Concat' || node.domain !== '' || rank === undefined) return
  const axis = node.int('axis', 0)
  const at = axis < 0 ? axis + rank : axis
  const full = node.inputs.filter((v) => v?.type?.shape?.[at]?.constant !== 0)
  if (full.length > 0 && full.length < node.inputs.length) node.setInputs(full)
}
