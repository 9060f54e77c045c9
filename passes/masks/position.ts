/** Integer tensors that count along one axis: element n of the axis is offset + n. */
import type { Node, Value } from '../../src/ir.js'
import { constant, constants } from '../../src/ops/support/shapes.js'
import { isFloat, type Shape } from '../../src/types.js'

/** A tensor that counts along `axis` (from the back, -1 the last) and is constant along all others. */
export interface Position {
  readonly axis: number
  readonly offset: number
}

const DEPTH = 64

/** How a tensor counts, if it does. */
export function positionOf(v: Value | null | undefined): Position | undefined {
  let value = v
  let offset = 0
  /** Maps an axis of `value`, from the back, to one of `v`. */
  let toOuter = (axis: number): number | undefined => axis
  for (let depth = 0; depth < DEPTH && value; depth++) {
    const start = startOf(value)
    if (start) {
      const axis = toOuter(start.axis)
      return axis === undefined ? undefined : { axis, offset: offset + start.offset }
    }
    const node = value.producer
    const step = node && stepOf(node)
    if (!step) return undefined
    offset += step.offset
    const [outer, own] = [toOuter, step.toOutput]
    toOuter = (axis) => {
      const at = own(axis)
      return at === undefined ? undefined : outer(at)
    }
    value = step.input
  }
  return undefined
}

/** Range(start, …, 1), or known elements that count. */
function startOf(value: Value): Position | undefined {
  const range = value.producer?.op === 'Range' ? value.producer : undefined
  if (range) {
    const [start, delta] = [constant(range.input(0)), constant(range.input(2))]
    return start !== undefined && delta === 1 ? { axis: -1, offset: start } : undefined
  }
  const numbers = value.isInitializer ? constants(value) : undefined
  const axis = onlyLongAxis(value.type?.shape)
  if (!numbers || axis === undefined) return undefined
  return numbers.every((n, i) => n === numbers[0]! + i) ? { axis, offset: numbers[0]! } : undefined
}

interface Step {
  readonly input: Value
  readonly offset: number
  readonly toOutput: (axis: number) => number | undefined
}

function stepOf(node: Node): Step | undefined {
  if (node.domain !== '') return undefined
  const same = (axis: number): number => axis
  switch (node.op) {
    case 'Identity':
    case 'Expand':
      return { input: node.input(0), offset: 0, toOutput: same }
    case 'Cast':
      return isFloat(node.output().type?.dtype)
        ? undefined
        : { input: node.input(0), offset: 0, toOutput: same }
    case 'Unsqueeze':
    case 'Squeeze':
    case 'Reshape':
      return { input: node.input(0), offset: 0, toOutput: () => onlyLongAxis(node.output().type?.shape) }
    case 'Add':
    case 'Sub':
      return shift(node)
    default:
      return undefined
  }
}

/** x ± c. */
function shift(node: Node): Step | undefined {
  const same = (axis: number): number => axis
  const [x, y] = [node.input(0), node.input(1)]
  const right = constant(y)
  if (right !== undefined) return { input: x, offset: node.op === 'Add' ? right : -right, toOutput: same }
  const left = node.op === 'Add' ? constant(x) : undefined
  return left === undefined ? undefined : { input: y, offset: left, toOutput: same }
}

/** The one axis that is longer than 1, from the back. */
function onlyLongAxis(shape: Shape | undefined): number | undefined {
  const axes = shape?.flatMap((d, i) => (d.constant === 1 ? [] : [i - shape.length]))
  return axes?.length === 1 ? axes[0] : undefined
}
