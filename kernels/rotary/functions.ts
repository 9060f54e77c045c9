/** Rotary embedding of whole last axes, forward and back. */
import type { Node } from '../../src/ir.js'
import { ROTARY } from '../../src/ops/rotate.js'
import { f32, isF32, type KernelFolder, type KernelFunction } from '../kernel.js'

/** Whether angles are broadcast to x along all axes but the last. */
function accepts(node: Node): boolean {
  const [x, ...angles] = [0, 1, 2].map((i) => node.input(i))
  const shape = x!.type?.shape
  const size = shape?.at(-1)?.constant
  if (!isF32(x) || size === undefined || size % 2 !== 0) return false
  return angles.every((v) => {
    const own = v.type?.shape
    return (
      isF32(v) &&
      own!.length >= 1 &&
      own!.length <= shape!.length &&
      own!.every((d, i) => {
        const fromEnd = i - own!.length
        return d.equals(shape!.at(fromEnd)!) || (fromEnd !== -1 && d.constant === 1)
      })
    )
  })
}

function functionOf(name: string, transposed: number): KernelFunction {
  return {
    name,
    op: ROTARY,
    sample: {
      inputs: [f32('n', 'd'), f32('n', 'd'), f32('n', 'd')],
      attributes: transposed ? { transposed } : {},
    },
    outputs: 1,
    accepts: (node) => node.int('transposed', 0) === transposed && accepts(node),
  }
}

export const rotaryKernels: KernelFolder = {
  operators: {},
  overrides: {},
  functions: [functionOf('Rotary_f32_v1', 0), functionOf('RotaryBack_f32_v1', 1)],
}
