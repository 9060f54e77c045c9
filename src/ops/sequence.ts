/**
 * Sequences and optionals. Exporters make them of a list whose length is known, so that what reads them is replaced by the
 * tensors they were made of; a list that only the run knows is refused. A sequence is typed as a scalar of type `other`.
 */
import type { Builder } from '../builder.js'
import { CompileError } from '../errors.js'
import { Expr } from '../expr.js'
import type { Node, Value } from '../ir.js'
import type { OpDef } from '../op.js'
import { constant, constants, normalizeAxis, shapeOf, typeOf } from './shapes.js'

const sequence: OpDef['infer'] = () => [{ type: { dtype: 'other', shape: [] } }]

/** The tensors that a sequence is made of. */
function elementsOf(reader: Node, b: Builder, list: Value): Value[] {
  const node = list.producer
  const before = () => elementsOf(reader, b, node!.input(0))
  if (node?.op === 'SequenceConstruct') return node.inputs.map((v) => v!)
  if (node?.op === 'SequenceEmpty') return []
  if (node?.op === 'SplitToSequence') return splitElements(reader, b, node)
  if (node?.op === 'SequenceInsert')
    return before().toSpliced(position(node, 2, before().length, before().length), 0, node.input(1))
  if (node?.op === 'SequenceErase') return before().toSpliced(position(node, 1, before().length), 1)
  throw dynamic(reader)
}

/** A constant position in a list of `length`, counted from the front. */
function position(node: Node, input: number, length: number, absent = length - 1): number {
  const at = node.inputs[input] ? constant(node.inputs[input]) : absent
  if (at === undefined) throw dynamic(node)
  return at < 0 ? at + length : at
}

function dynamic(node: Node): CompileError {
  return new CompileError(
    'dynamic-sequence',
    `${node.op} (node "${node.name}") reads a list of tensors whose length or position only the run knows; ` +
      'export the model with fixed lengths, or without lists',
  )
}

function splitElements(reader: Node, b: Builder, node: Node): Value[] {
  const x = node.input(0)
  const shape = shapeOf(node, x)
  const axis = normalizeAxis(node, node.int('axis', 0), shape.length)
  const sizes = splitSizes(node, shape[axis]!)
  if (!sizes) throw dynamic(reader)
  const parts = b.emitAll('Split', [x, b.ints(sizes)], { axis }, { outputs: sizes.length })
  const dropped = !node.inputs[1] && node.int('keepdims', 1) === 0
  return dropped ? parts.map((p) => b.reshape(p, shape.toSpliced(axis, 1))) : parts
}

/** Ones without a split; chunks of its size where it is a scalar; what it lists where it is a vector. */
function splitSizes(node: Node, length: Expr): number[] | undefined {
  const [split, n] = [node.inputs[1], length.constant]
  if (split?.type?.shape?.length === 1) return constants(split)
  const size = split ? constant(split) : 1
  if (n === undefined || !size) return undefined
  return Array.from({ length: Math.ceil(n / size) }, (_, i) => Math.min(size, n - i * size))
}

function lowerConcat(node: Node, b: Builder): Value[] {
  const parts = elementsOf(node, b, node.input(0))
  const axis = node.int('axis', 0)
  if (node.int('new_axis', 0) === 0) return [b.emit('Concat', parts, { axis })]
  const rank = shapeOf(node, parts[0]!).length + 1
  const at = normalizeAxis(node, axis, rank)
  return [
    b.emit(
      'Concat',
      parts.map((p) => b.reshape(p, shapeOf(node, p).toSpliced(at, 0, Expr.one))),
      { axis: at },
    ),
  ]
}

/** The result is one of the list's tensors, whose type shows once it is lowered. */
const element: OpDef['infer'] = () => [{ type: { dtype: 'other' } }]

/** A definition of a list operator that is only read by others. */
const list: OpDef = { infer: sequence, grad: 'none' }

/** Whether an optional holds a value, where that can be told. */
function holdsValue(node: Node): Expr[] | undefined {
  const x = node.inputs[0]
  if (!x || (x.producer?.op === 'Optional' && x.producer.inputs.length === 0)) return [Expr.zero]
  return typeOf(x).dtype === 'other' ? undefined : [Expr.one]
}

/** Definitions of sequences and optionals. */
export const sequences = {
  SequenceConstruct: list,
  SequenceEmpty: list,
  SequenceInsert: list,
  SequenceErase: list,
  SplitToSequence: list,
  SequenceAt: {
    infer: element,
    grad: 'none',
    lower: (node, b) => {
      const parts = elementsOf(node, b, node.input(0))
      return [parts[position(node, 1, parts.length)]!]
    },
  },
  SequenceLength: {
    infer: () => [{ type: { dtype: 'int64', shape: [] } }],
    grad: 'none',
    lower: (node, b) => [b.scalar('int64', elementsOf(node, b, node.input(0)).length)],
  },
  ConcatFromSequence: { infer: element, grad: 'none', lower: lowerConcat },
  /** An optional that holds a value is that value; one that holds nothing is a scalar of type `other`. */
  Optional: {
    infer: (node) => [{ type: node.inputs[0] ? typeOf(node.inputs[0]) : { dtype: 'other', shape: [] } }],
    grad: (_node, { dy }) => [() => dy()],
    evaluate: (_node, [x]) => [x!],
  },
  OptionalHasElement: {
    infer: (node) => [{ type: { dtype: 'bool', shape: [] }, known: holdsValue(node) }],
    grad: 'none',
  },
  OptionalGetElement: {
    infer: (node) => [{ type: typeOf(node.inputs[0]) }],
    grad: (_node, { dy }) => [() => dy()],
    evaluate: (_node, [x]) => [x!],
  },
} satisfies Record<string, OpDef>
