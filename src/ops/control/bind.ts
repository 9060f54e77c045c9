/** Types of the inputs of the bodies of `Loop` and `Scan`. */
import { openDim } from '../../infer.js'
import type { Model, Node, Value } from '../../ir.js'
import type { OpDef } from '../../op.js'
import { formatType, tensorType, type Shape, type TensorType } from '../../types.js'
import { typeOf } from '../support/shapes.js'
import { Layout } from './layout.js'

/** States of a `Loop` may change their shape: dimensions count as kept only where an iteration returns them. */
export const bindLoop: OpDef['bind'] = (node, model, stage) => {
  const layout = new Layout(node)
  const [iteration, condition] = layout.body.inputs
  if (!iteration || !condition) return false
  if (stage === 'again')
    return some(layout.states, (k) => widen(layout.state(k), layout.stateResult(k), model))
  iteration.type = tensorType('int64', [])
  condition.type = tensorType('bool', [])
  for (const k of layout.states) {
    const initial = typeOf(node.inputs[layout.stateOperand(k)])
    const state = layout.state(k)
    state.type = stage === 'initial' ? initial : declared(state, initial, model)
  }
  return false
}

/** States of a `Scan` keep their shape. */
export const bindScan: OpDef['bind'] = (node, _model, stage) => {
  if (stage === 'again') return false
  const layout = new Layout(node)
  for (const k of layout.states) layout.state(k).type = typeOf(node.inputs[k])
  for (const j of layout.scanInputs) layout.element(j).type = elementType(node, layout, j)
  return false
}

function elementType(node: Node, layout: Layout, j: number): TensorType {
  const { dtype, shape } = typeOf(node.inputs[layout.scanOperand(j)])
  return shape ? { dtype, shape: shape.toSpliced(layout.scanInput(j).axis, 1) } : { dtype }
}

/** What the model promises of a state: dimensions that are numbers. Others are as they come. */
function declared(state: Value, initial: TensorType, model: Model): TensorType {
  const shape = state.type?.shape ?? initial.shape?.map(() => undefined)
  const dims: Shape | undefined = shape?.map((d, axis) =>
    d?.constant !== undefined ? d : openDim(model, state, axis),
  )
  return dims ? { dtype: initial.dtype, shape: dims } : { dtype: initial.dtype }
}

function widen(state: Value, result: Value, model: Model): boolean {
  const { dtype, shape } = typeOf(state)
  const next = typeOf(result).shape
  const before = formatType(state.type)
  if (!shape || next?.length !== shape.length) state.type = { dtype }
  else {
    const dims = shape.map((d, axis) => (d.equals(next[axis]!) ? d : openDim(model, state, axis)))
    state.type = { dtype, shape: dims }
  }
  return formatType(state.type) !== before
}

/** Whether a test holds of any element; it is run on all. */
function some<T>(list: readonly T[], test: (x: T) => boolean): boolean {
  return list.map(test).includes(true)
}
