/** Reading patterns off the graph. */
import type { Node, Value } from '../../src/ir.js'
import { constantNumbers } from '../../src/ops/support/shapes.js'

/** The node that makes `v`, if it is this operator of ONNX's own. */
export function made(v: Value | null | undefined, ...ops: readonly string[]): Node | undefined {
  const node = v?.producer
  return node && node.domain === '' && ops.includes(node.op) ? node : undefined
}

/** `v` behind casts to the type that it has. */
export function uncast(v: Value): Value {
  let value = v
  for (let cast = made(value, 'Cast'); cast && sameType(cast); cast = made(value, 'Cast'))
    value = cast.input(0)
  return value
}

function sameType(cast: Node): boolean {
  const from = cast.input(0).type?.dtype
  return from !== undefined && from === cast.output().type?.dtype
}

/** The number that a constant of one element is, if it adds no axis to `like`. */
export function number(v: Value | null | undefined, like?: Value): number | undefined {
  const numbers = v && constantNumbers(v)
  if (numbers?.length !== 1) return undefined
  const [rank, most] = [v!.type?.shape?.length ?? 0, like?.type?.shape?.length]
  return most !== undefined && rank > most ? undefined : numbers[0]
}

/** Both orders of a commutative operator's operands. */
export function* orders(node: Node): Generator<[Value, Value]> {
  const [x, y] = [node.inputs[0], node.inputs[1]]
  if (!x || !y || node.inputs.length !== 2) return
  yield [x, y]
  yield [y, x]
}

/** `x·c` or `x/c` with a constant, as x and the factor. */
export function scaledBy(v: Value): { x: Value; factor: number } | undefined {
  const node = made(v, 'Mul', 'Div')
  if (!node) return undefined
  for (const [x, c] of orders(node)) {
    const factor = number(c, x)
    if (factor === undefined) continue
    if (node.op === 'Mul') return { x, factor }
    return x === node.inputs[0] ? { x, factor: 1 / factor } : undefined
  }
  return undefined
}

/** `x + c` with a constant. */
export function shiftedBy(v: Value): { x: Value; offset: number } | undefined {
  const node = made(v, 'Add')
  for (const [x, c] of node ? orders(node) : []) {
    const offset = number(c, x)
    if (offset !== undefined) return { x, offset }
  }
  return undefined
}

/** Strips constant factors. */
export function unscaled(v: Value): { x: Value; factor: number } {
  let [x, factor] = [v, 1]
  for (let s = scaledBy(x); s; s = scaledBy(x)) [x, factor] = [s.x, factor * s.factor]
  return { x, factor }
}

/** Whether nothing but `reader` reads `v`. */
export function onlyReadBy(v: Value, ...readers: readonly Node[]): boolean {
  return [...v.uses].every(({ user }) => readers.some((r) => r === user))
}
