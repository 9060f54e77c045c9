/** Rotary embeddings: x·cos + (−x₂, x₁)·sin with the halves of the last axis. */
import type { Node, Value } from '../../src/ir.js'
import { emitRotary } from '../../src/ops/rotate.js'
import { constant, constants } from '../../src/ops/support/shapes.js'
import { made, number, orders } from './match.js'
import type { Pattern } from './pattern.js'

export const rotaryPattern: Pattern = {
  name: 'rotary',
  match: (node, b) => {
    if (node.op !== 'Add' || node.domain !== '') return undefined
    for (const [straight, across] of orders(node)) {
      const turned = made(across, 'Mul')
      for (const [r, sin] of turned ? orders(turned) : []) {
        const x = turnedFrom(r)
        const cos = x && factorOf(straight, x)
        if (cos) return emitRotary(b, x, cos, sin)
      }
    }
    return undefined
  },
}

/** c of x·c. */
function factorOf(v: Value, x: Value): Value | undefined {
  const node = made(v, 'Mul')
  for (const [a, c] of node ? orders(node) : []) if (a === x) return c
  return undefined
}

/** x of (−x₂, x₁). */
function turnedFrom(v: Value): Value | undefined {
  const concat = made(v, 'Concat')
  const rank = v.type?.shape?.length
  if (!concat || concat.inputs.length !== 2 || !rank || !isLast(concat.int('axis', 0), rank)) return undefined
  const second = negated(concat.input(0))
  const [x1, x2] = [halfOf(concat.input(1)), second && halfOf(second)]
  return x1 && x2 && x1.x === x2.x && x1.half === 0 && x2.half === 1 ? x1.x : undefined
}

function negated(v: Value): Value | undefined {
  const neg = made(v, 'Neg')
  if (neg) return neg.input(0)
  const mul = made(v, 'Mul')
  for (const [x, c] of mul ? orders(mul) : []) if (number(c, x) === -1) return x
  return undefined
}

/** Which half of the last axis of which value. */
function halfOf(v: Value): { x: Value; half: 0 | 1 } | undefined {
  const node = made(v, 'Slice', 'Split')
  const x = node?.input(0)
  const size = x?.type?.shape?.at(-1)?.constant
  const rank = x?.type?.shape?.length
  if (!node || !x || !rank || size === undefined || size % 2 === 1) return undefined
  if (v.type?.shape?.at(-1)?.constant !== size / 2) return undefined
  if (node.op === 'Split') {
    const isHalves = isLast(node.int('axis', 0), rank) && node.outputs.length === 2
    return isHalves ? { x, half: v === node.outputs[0] ? 0 : 1 } : undefined
  }
  const start = sliceStart(node, rank)
  if (start === 0) return { x, half: 0 }
  return start === size / 2 || start === -size / 2 ? { x, half: 1 } : undefined
}

/** Where a Slice of the last axis alone, in steps of 1, starts. */
function sliceStart(node: Node, rank: number): number | undefined {
  const axes = node.inputs[3] ? constants(node.inputs[3]) : [0]
  const step = node.inputs[4] ? constant(node.inputs[4]) : 1
  if (axes?.length !== 1 || !isLast(axes[0]!, rank) || step !== 1) return undefined
  return constant(node.inputs[1])
}

function isLast(axis: number, rank: number): boolean {
  return axis === -1 || axis === rank - 1
}
