/** `SequenceMap`: its body is applied to the tensors of a list, each of which is known. */
import type { Node, Value } from '../../src/ir.js'
import { bodyOf } from '../../src/ops/control/nested.js'
import { lengthOf } from '../../src/ops/sequence.js'
import { copyBody } from './copy-body.js'
import { replaceOutputOrCopy } from './replace.js'
import type { UnrollContext } from './unroll.js'

/**
 * Replaces a `SequenceMap` by a copy of its body for each tensor.
 * @returns the nodes that took its place, in order; undefined where the node is another
 * @throws CompileError `dynamic-sequence` where the length of the list is open
 */
export function expandSequenceMap(node: Node, { b, copied }: UnrollContext): Node[] | undefined {
  if (node.op !== 'SequenceMap' || node.domain !== '') return undefined
  const body = bodyOf(node)!
  const emitted: Node[] = []
  const emit = (op: string, inputs: Value[]): Value => {
    const value = b.emit(op, inputs)
    emitted.push(value.producer!)
    return value
  }
  const rows = Array.from({ length: lengthOf(node, node.input(0)) }, (_, i) => {
    const map = new Map<Value, Value>()
    body.inputs.forEach((input, k) => {
      const operand = node.input(k)
      map.set(input, isList(operand) ? emit('SequenceAt', [operand, b.scalar('int64', i)]) : operand)
    })
    emitted.push(...copyBody(body, node.graph!, map, copied))
    return body.outputs.map((v) => map.get(v) ?? v)
  })
  node.outputs.forEach((output, k) => {
    const list =
      rows.length > 0
        ? emit(
            'SequenceConstruct',
            rows.map((row) => row[k]!),
          )
        : emit('SequenceEmpty', [])
    replaceOutputOrCopy(output, list, node.graph!)
  })
  node.graph!.removeNode(node)
  return emitted
}

/** A list is typed as a scalar of type `other`, as no tensor is. */
function isList(value: Value): boolean {
  return value.type?.dtype === 'other' && value.type.shape?.length === 0
}
