/** Geometry of windows that slide over spatial axes, shared by convolutions and pooling. */
import { CompileError } from '../../errors.js'
import { Expr } from '../../expr.js'
import type { Node } from '../../ir.js'
import type { Dim, Shape } from '../../types.js'
import { forEachIndex, offsetOf } from './build.js'
import { sizeOf, stridesOf } from './nd.js'
import { maxOf } from './shapes.js'

/** How a window moves along each spatial axis. */
export interface Windows {
  readonly kernel: Shape
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
  /** Padding before and after; undefined where it depends on a dimension that only the run tells. */
  readonly pads: readonly (readonly [number, number] | undefined)[]
  readonly ceil: boolean
}

/** The windows of a node over the given spatial dimensions. */
export function windowsOf(node: Node, spatial: Shape, kernel: Shape): Windows {
  const ones = kernel.map(() => 1)
  const [strides, dilations] = [node.ints('strides') ?? ones, node.ints('dilations') ?? ones]
  const auto = node.string('auto_pad', 'NOTSET')
  const explicit = node.ints('pads') ?? []
  const pads = kernel.map((k, i): readonly [number, number] | undefined => {
    if (auto === 'VALID') return [0, 0]
    if (auto === 'NOTSET') return [explicit[i] ?? 0, explicit[kernel.length + i] ?? 0]
    const total = samePadding(spatial[i]!, strides[i]!, k.sub(1).mul(dilations[i]!).add(1).constant)
    return total === undefined ? undefined : halves(total, auto === 'SAME_UPPER')
  })
  return { kernel, strides, dilations, pads, ceil: node.int('ceil_mode', 0) === 1 }
}

/** Padding in two halves; of an odd one, the bigger half goes behind where `upper`. */
export function halves(total: number, upper: boolean): [number, number] {
  const small = Math.floor(total / 2)
  return upper ? [small, total - small] : [total - small, small]
}

/** Padding that makes ⌈dim / stride⌉ windows. */
function samePadding(dim: Dim, stride: number, span: number | undefined): number | undefined {
  if (span === undefined || stride === 1) return span && span - 1
  const n = dim.constant
  return n === undefined ? undefined : Math.max((Math.ceil(n / stride) - 1) * stride + span - n, 0)
}

/** Elements from a window's first to its last along an axis. */
export function span(w: Windows, axis: number): Dim {
  return w.kernel[axis]!.sub(1).mul(w.dilations[axis]!).add(1)
}

/** How many windows fit along an axis, none where it is too short for one; undefined where only the run tells. */
export function windowCount(w: Windows, axis: number, dim: Dim): Dim | undefined {
  const pads = w.pads[axis]
  const stride = w.strides[axis]!
  if (!pads) return dim.ceilDiv(stride)
  const room = dim.add(pads[0] + pads[1]).sub(span(w, axis))
  if (!w.ceil) return maxOf(room.div(stride).add(1), Expr.zero, 1)
  const [n, r] = [dim.constant, room.constant]
  if (n === undefined || r === undefined) return stride === 1 ? room.add(1) : undefined
  const count = Math.ceil(r / stride) + 1
  // A window that starts in the padding behind the data is left out.
  return Expr.of((count - 1) * stride >= n + pads[0] ? count - 1 : count)
}

/** The padding of every axis; throws `dynamic-padding` where it is not known. */
export function knownPads(node: Node, w: Windows): (readonly [number, number])[] {
  return w.pads.map((p) => {
    if (p) return p
    throw new CompileError(
      'dynamic-padding',
      `${node.op} (node "${node.name}") pads by auto_pad to a size that only the run tells, so it has no gradient; export the model with static spatial dimensions`,
    )
  })
}

/** For every window, the flat spatial position that each of its taps reads, −1 in the padding. */
export function tapPositions(w: Windows, input: readonly number[], output: readonly number[]): Int32Array[] {
  const strides = stridesOf(input)
  const kernel = w.kernel.map((k) => k.constant!)
  const found: Int32Array[] = []
  forEachIndex(output, (at) => {
    const taps = new Int32Array(sizeOf(kernel))
    forEachIndex(kernel, (tap, flat) => {
      const index = tap.map((k, i) => at[i]! * w.strides[i]! + k * w.dilations[i]! - w.pads[i]![0])
      taps[flat] = index.every((x, i) => x >= 0 && x < input[i]!) ? offsetOf(index, strides) : -1
    })
    found.push(taps)
  })
  return found
}
