/** Computes nodes whose operands are all constant. */
import { isDraw } from '../../src/draws.js'
import type { Node, Value } from '../../src/ir.js'
import { KNOWN_LIMIT, prepareInitializer } from '../../src/infer.js'
import { runRule, type NdArray, type OpTable } from '../../src/op.js'
import { Tensor } from '../../src/tensor.js'
import { staticShape } from '../../src/types.js'

/** Results of a node as tensors where it can be computed now, none of them larger than what it replaces by much. */
export function evaluateNode(
  node: Node,
  table: OpTable,
  isFixed: (v: Value) => boolean,
): Tensor[] | undefined {
  const evaluate = table.find(node)?.evaluate
  const operands = node.inputs.filter((v): v is Value => v !== null)
  if (isDraw(node)) return undefined
  if (!evaluate || node.subgraphs.length > 0 || !operands.every(isFixed)) return undefined
  const read = operands.reduce((n, v) => n + v.data!.size, 0)
  if (!node.outputs.every((v) => sizeOf(v) <= Math.max(KNOWN_LIMIT, read))) return undefined
  const results = runRule(node, () =>
    evaluate(
      node,
      node.inputs.map((v) => (v ? toArray(v.data!) : undefined)),
    ),
  )
  return results.map(({ dtype, shape, data }) => Tensor.of(dtype, shape, data))
}

function toArray(data: Tensor): NdArray {
  return { dtype: data.dtype, shape: data.shape, data: data.numbers() }
}

function sizeOf(value: Value): number {
  return staticShape(value.type)?.reduce((n, d) => n * d, 1) ?? Infinity
}

/** The integer tensor whose elements are known, where all are numbers. */
export function knownTensor(value: Value): Tensor | undefined {
  const numbers = value.known?.map((e) => e.constant)
  const shape = staticShape(value.type)
  if (!numbers || !shape || numbers.some((n) => n === undefined)) return undefined
  return Tensor.of(value.type!.dtype, shape, numbers as number[])
}

/** Turns a node's output into an initializer; the node loses it. */
export function becomeInitializer(value: Value, data: Tensor): Value {
  const node = value.producer!
  const constant = node.graph!.addInitializer(value.name, data)
  prepareInitializer(constant)
  value.replaceAllUsesWith(constant)
  return constant
}
