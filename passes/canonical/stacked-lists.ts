/** Lists that a `Loop` fills with one tensor an iteration: it stacks them instead. */
import type { Builder } from '../../src/builder.js'
import { Node, Value } from '../../src/ir.js'
import { Layout } from '../../src/ops/control/layout.js'
import { normalizeAxis, shapeOf } from '../../src/ops/support/shapes.js'
import { replaceOutputOrCopy } from './replace.js'

/** How what reads a list reads a stack. */
const READERS: Readonly<Record<string, (reader: Node, stack: Value, b: Builder) => Value>> = {
  ConcatFromSequence: join,
  SequenceAt: (reader, stack, b) => b.emit('Gather', [stack, reader.input(1)], { axis: 0 }),
  SequenceLength: (_reader, stack, b) => b.reshape(b.emit('Shape', [stack], { start: 0, end: 1 }), []),
}

/**
 * Turns states of a `Loop` that are such lists into stacked results, where all that reads them can read a stack.
 * @param infer types the loop anew
 * @param emitter emits in the place of a node
 */
export function stackLists(loop: Node, infer: () => void, emitter: (node: Node) => Builder): void {
  if (loop.op !== 'Loop' || loop.domain !== '') return
  for (const k of [...new Layout(loop).states].reverse()) {
    const filled = filledWith(loop, k)
    if (!filled) continue
    const list = loop.output(k)
    const stack = exchange(loop, k, filled)
    infer()
    for (const reader of list.users) {
      const b = emitter(reader)
      replaceOutputOrCopy(reader.output(), READERS[reader.op]!(reader, stack, b), reader.graph!)
      reader.graph!.removeNode(reader)
    }
  }
}

/** The tensor that every iteration appends to list `k`. */
function filledWith(loop: Node, k: number): Value | undefined {
  const layout = new Layout(loop)
  const [state, result] = [layout.state(k), layout.stateResult(k)]
  const insert = result.producer
  const begins = loop.input(layout.stateOperand(k)).producer?.op === 'SequenceEmpty'
  if (!begins || insert?.op !== 'SequenceInsert' || insert.graph !== layout.body) return undefined
  const isAppended = insert.input(0) === state && !insert.inputs[2]
  const isAlone = state.uses.size === 1 && result.uses.size === 1
  const uses = [...loop.output(k).uses]
  const isReadable = uses.every(
    ({ user }) => user instanceof Node && user.op in READERS && user.graph === loop.graph,
  )
  return isAppended && isAlone && isReadable ? insert.input(1) : undefined
}

/** Removes state `k` of a loop, and returns the stack of what its iterations appended to it. */
function exchange(loop: Node, k: number, appended: Value): Value {
  const layout = new Layout(loop)
  const [state, result] = [layout.state(k), layout.stateResult(k)]
  layout.body.setOutputs([...layout.body.outputs.toSpliced(layout.stateResultAt(k), 1), appended])
  layout.body.removeNode(result.producer!)
  layout.body.removeInput(state)
  loop.setInputs(loop.inputs.toSpliced(layout.stateOperand(k), 1))
  loop.outputs.splice(k, 1)
  return loop.addOutput(new Value(`${appended.name}_stack`))
}

/** `ConcatFromSequence` of the parts of a stack: its first axis moves to where they are joined. */
function join(reader: Node, stack: Value, b: Builder): Value {
  const isNew = reader.int('new_axis', 0) === 1
  const [length, ...part] = shapeOf(reader, stack)
  const axis = normalizeAxis(reader, reader.int('axis', 0), part.length + (isNew ? 1 : 0))
  const perm = [...part.keys()].map((i) => i + 1).toSpliced(axis, 0, 0)
  const moved = b.transpose(stack, perm)
  return isNew ? moved : b.reshape(moved, part.with(axis, length!.mul(part[axis]!)))
}
