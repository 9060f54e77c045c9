/**
 * Sequences and optionals. Exporters make them of a list whose length is known, so that what reads them is replaced by the
 * tensors they were made of; a list that only the run knows is refused. A sequence is typed as a scalar of type `other`.
 */
import type { Builder } from '../builder.js'
import { CompileError } from '../errors.js'
import { Expr } from '../expr.js'
import type { Node, Value } from '../ir.js'
import { invalid, type OpDef } from '../op.js'
import { constant, constants, normalizeAxis, shapeOf, typeOf } from './support/shapes.js'

const sequence: OpDef['infer'] = () => [{ type: { dtype: 'other', shape: [] } }]

/** The nodes that a sequence was made by, the first one first. */
function historyOf(reader: Node, list: Value): Node[] {
  const history: Node[] = []
  for (let value = list; ; value = history.at(-1)!.input(0)) {
    const node = value.producer
    if (!node || !(node.op in MAKERS) || node.domain !== '') throw dynamic(reader)
    history.push(node)
    if (MAKERS[node.op as keyof typeof MAKERS] === 'begins') return history.reverse()
  }
}

/** Operators that make a sequence, of tensors or of another sequence. */
const MAKERS = {
  SequenceConstruct: 'begins',
  SequenceEmpty: 'begins',
  SplitToSequence: 'begins',
  SequenceInsert: 'changes',
  SequenceErase: 'changes',
} as const

/** The tensors that a sequence is made of. */
function elementsOf(reader: Node, b: Builder, list: Value): Value[] {
  const [first, ...changes] = historyOf(reader, list)
  const parts = first!.op === 'SplitToSequence' ? splitElements(reader, b, first!) : [...first!.inputs]
  for (const node of changes) {
    if (node.op === 'SequenceInsert') parts.splice(insertion(node, parts.length), 0, node.input(1))
    else parts.splice(position(node, parts.length), 1)
  }
  return parts as Value[]
}

/** The number of tensors of a sequence, where it is known. */
export function lengthOf(reader: Node, list: Value): number {
  const [first, ...changes] = historyOf(reader, list)
  const length = first!.op === 'SplitToSequence' ? splitSizesOf(reader, first!).length : first!.inputs.length
  return changes.reduce((n, node) => (node.op === 'SequenceInsert' ? n + 1 : n - 1), length)
}

/** The place in a list of `length` that a node reads or erases, counted from the front; the last one by default. */
function position(node: Node, length: number): number {
  return place(node, node.inputs[1] ?? null, length - 1, length - 1)
}

/** The place that a tensor is inserted at; the end by default. */
function insertion(node: Node, length: number): number {
  return place(node, node.inputs[2] ?? null, length, length)
}

function place(node: Node, input: Value | null, absent: number, last: number): number {
  const given = input ? constant(input) : absent
  if (given === undefined) throw dynamic(node)
  const length = node.op === 'SequenceInsert' ? last : last + 1
  const at = given < 0 ? given + length : given
  if (at < 0 || at > last) throw invalid(node, `a position in a list of ${length}`, String(given))
  return at
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
  const sizes = splitSizesOf(reader, node)
  const parts = b.emitAll('Split', [x, b.ints(sizes)], { axis }, { outputs: sizes.length })
  const dropped = !node.inputs[1] && node.int('keepdims', 1) === 0
  return dropped ? parts.map((p) => b.reshape(p, shape.toSpliced(axis, 1))) : parts
}

/** A chunk, counted from the front, of a tensor that is split into chunks of one size, however many there are. */
function chunkAt(reader: Node, b: Builder): Value | undefined {
  const node = reader.input(0).producer
  if (node?.op !== 'SplitToSequence' || node.domain !== '') return undefined
  const x = node.input(0)
  const shape = shapeOf(node, x)
  const axis = normalizeAxis(node, node.int('axis', 0), shape.length)
  const at = constant(reader.input(1))
  const size = node.inputs[1] ? scalarSize(node.inputs[1]) : 1
  if (shape[axis]!.constant !== undefined || at === undefined || at < 0 || !size) return undefined
  const bounds = [at * size, (at + 1) * size, axis].map((n) => b.ints([n]))
  const chunk = b.emit('Slice', [x, ...bounds])
  const dropped = !node.inputs[1] && node.int('keepdims', 1) === 0
  return dropped ? b.emit('Squeeze', [chunk, b.ints([axis])]) : chunk
}

/** The size of all chunks, where it is one number. */
function scalarSize(split: Value): number | undefined {
  return split.type?.shape?.length === 0 ? constant(split) : undefined
}

function splitSizesOf(reader: Node, node: Node): readonly number[] {
  const shape = shapeOf(node, node.input(0))
  const sizes = splitSizes(node, shape[normalizeAxis(node, node.int('axis', 0), shape.length)]!)
  if (!sizes) throw dynamic(reader)
  return sizes
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
  if (parts.length === 0) throw invalid(node, 'at least one tensor', 'an empty list')
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
      const chunk = chunkAt(node, b)
      if (chunk) return [chunk]
      const parts = elementsOf(node, b, node.input(0))
      return [parts[position(node, parts.length)]!]
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
