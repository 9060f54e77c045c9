/** Convolutions. The gradient of one is the other, and a weight's gradient is a convolution over the batch. */
import type { Builder } from '../builder.js'
import { Expr } from '../expr.js'
import type { Node, Value } from '../ir.js'
import type { GradContext, GradRule, InferContext, Inferred, NdArray, OpDef } from '../op.js'
import { elementCount, sameShape, type Dim, type Shape } from '../types.js'
import { assume } from './support/emit.js'
import { broadcastTo, nd, reshape, sizeOf } from './support/nd.js'
import { shapeOf } from './support/shapes.js'
import {
  halves,
  knownPads,
  span,
  tapPositions,
  windowCount,
  windowsOf,
  type Windows,
} from './support/windows.js'

/** Definitions of convolutions. */
export const convolution = {
  /** Y = W ∗ X + B over windows; dX = ConvTranspose(dY, W), dW = X ∗ dY over the batch, dB = ΣdY */
  Conv: {
    infer: (node, ctx) => inferConv(node, ctx),
    flops: (node) => convolutionFlops(node, 'output'),
    grad: convGradient,
    evaluate: evaluateConv,
  },
  /** Y = Wᵀ ∗ X + B, the transposed of Conv; dX = Conv(dY, W), dW = dY ∗ X over the batch, dB = ΣdY */
  ConvTranspose: {
    infer: inferConvTranspose,
    flops: (node) => convolutionFlops(node, 'input'),
    grad: convTransposeGradient,
    evaluate: evaluateConvTranspose,
  },
} satisfies Record<string, OpDef>

/** 2·(channels of a group)·(taps) for every element of the side that windows are counted on. */
function convolutionFlops(node: Node, side: 'input' | 'output'): Expr {
  const shape = (side === 'output' ? node.output() : node.input(0)).type?.shape
  const weight = node.input(1).type?.shape
  return shape && weight ? elementCount([...shape, ...weight.slice(1)]).mul(2) : Expr.zero
}

function kernelOf(node: Node, weight: Shape): Shape {
  return node.ints('kernel_shape')?.map(Expr.of) ?? weight.slice(2)
}

/** The type of a convolution's result from those of its operands. */
export function inferConv(node: Node, ctx: InferContext, data = 0, weight = 1): Inferred[] {
  const [x, w] = [node.input(data).type, node.input(weight).type]
  if (!x) return []
  if (!x.shape || !w?.shape) return [{ type: { dtype: x.dtype } }]
  const spatial = x.shape.slice(2)
  const windows = windowsOf(node, spatial, kernelOf(node, w.shape))
  const counts = spatial.map((d, i) => windowCount(windows, i, d) ?? ctx.unknownDim(0, i + 2))
  return [{ type: { dtype: x.dtype, shape: [x.shape[0]!, w.shape[0]!, ...counts] } }]
}

function convGradient(node: Node, { b, dy }: GradContext): ReturnType<GradRule> {
  const [x, w] = [node.input(0), node.input(1)]
  const [shape, weight] = [shapeOf(node, x), shapeOf(node, w)]
  const windows = windowsOf(node, shape.slice(2), kernelOf(node, weight))
  return [
    () => transposedConvolution(b, node, dy(), w, windows, shape),
    () => weightGradient(b, node, x, dy(), windows, weight),
    () => channelSums(b, dy()),
  ]
}

/** Sum over everything but the channels. */
function channelSums(b: Builder, dy: Value): Value {
  const axes = [...dy.type!.shape!.keys()].filter((axis) => axis !== 1)
  return b.sum(dy, axes, false)
}

/** dX of a convolution whose input has shape `shape`. */
export function transposedConvolution(
  b: Builder,
  node: Node,
  dy: Value,
  w: Value,
  windows: Windows,
  shape: Shape,
): Value {
  const pads = knownPads(node, windows)
  const { strides, dilations } = windows
  const attributes = { strides, dilations, group: node.int('group', 1) }
  const left = pads.map((p, i) => leftOver(windows, i, shape[i + 2]!, dy.type!.shape![i + 2]!, p))
  if (left.every((n) => n !== undefined)) {
    return b.emit('ConvTranspose', [dy, w], {
      ...attributes,
      pads: flat(pads),
      output_padding: left as number[],
    })
  }
  // How many elements behind the last window no window reads is not known: append as many as there can be, and cut.
  const margin = [...shape.map(() => 0), 0, 0, ...strides.map((s) => s - 1)]
  const full = b.emit('Pad', [b.emit('ConvTranspose', [dy, w], attributes), b.ints(margin)])
  return cut(
    b,
    full,
    pads.map((p) => p[0]),
    shape,
  )
}

/** Elements of a padded axis behind its last window. */
function leftOver(
  w: Windows,
  axis: number,
  dim: Dim,
  count: Dim,
  pads: readonly [number, number],
): number | undefined {
  if (w.strides[axis] === 1) return 0
  return dim
    .add(pads[0] + pads[1])
    .sub(count.sub(1).mul(w.strides[axis]!))
    .sub(span(w, axis)).constant
}

/** The part of the spatial axes that begins at `starts` and gives `x` the shape `shape`. */
function cut(b: Builder, x: Value, starts: readonly number[], shape: Shape): Value {
  const spatial = shape.slice(2)
  const ends = b.shape(spatial.map((d, i) => d.add(starts[i]!)))
  const axes = b.ints(spatial.map((_, i) => i + 2))
  return assume(b.emit('Slice', [x, b.ints(starts), ends, axes]), shape)
}

/**
 * dW[m, c, k] = Σ over n and windows o of dY[n, m, o]·X[n, c, o·stride + k·dilation − pad]: a convolution of X with dY as
 * its kernel, batch and channels exchanged, strides and dilations exchanged.
 */
function weightGradient(b: Builder, node: Node, x: Value, dy: Value, windows: Windows, weight: Shape): Value {
  const swap = [1, 0, ...windows.kernel.map((_, i) => i + 2)]
  const found = b.emit('Conv', [channelsAsBatch(b, x, node.int('group', 1)), b.transpose(dy, swap)], {
    strides: windows.dilations,
    dilations: windows.strides,
    pads: flat(knownPads(node, windows)),
    group: node.int('group', 1),
  })
  const shape = [weight[1]!, weight[0]!, ...weight.slice(2)]
  const isExact = sameShape(found.type!.shape, shape)
  return b.transpose(
    isExact
      ? found
      : cut(
          b,
          found,
          windows.kernel.map(() => 0),
          shape,
        ),
    swap,
  )
}

/** [N, C, …] as [C / group, group·N, …]. */
function channelsAsBatch(b: Builder, x: Value, group: number): Value {
  const [n, c, ...spatial] = x.type!.shape!
  const rest = spatial.map((_, i) => i)
  if (group === 1) return b.transpose(x, [1, 0, ...rest.map((i) => i + 2)])
  const channels = c!.div(group)
  const grouped = b.reshape(x, [n!, Expr.of(group), channels, ...spatial])
  const moved = b.transpose(grouped, [2, 1, 0, ...rest.map((i) => i + 3)])
  return b.reshape(moved, [channels, n!.mul(group), ...spatial])
}

function flat(pads: readonly (readonly [number, number])[]): number[] {
  return [...pads.map((p) => p[0]), ...pads.map((p) => p[1])]
}

/** The windows that a transposed convolution turns around: over its output, one for each input element. */
function transposedWindows(node: Node, input: Shape, weight: Shape): { windows: Windows; output: Dim[] } {
  const kernel = kernelOf(node, weight)
  const windows = windowsOf(node, input, kernel)
  const auto = node.string('auto_pad', 'NOTSET')
  const extra = node.ints('output_padding') ?? []
  const wanted = node.ints('output_shape')?.slice(-kernel.length)
  const covered = input.map((d, i) =>
    d
      .sub(1)
      .mul(windows.strides[i]!)
      .add(span(windows, i))
      .add(extra[i] ?? 0),
  )
  if (!wanted && !auto.startsWith('SAME')) {
    return { windows, output: covered.map((d, i) => d.sub(windows.pads[i]![0] + windows.pads[i]![1])) }
  }
  const output = input.map((d, i) => (wanted ? Expr.of(wanted[i]!) : d.mul(windows.strides[i]!)))
  const pads = covered.map((d, i) => {
    const total = d.sub(output[i]!).constant
    return total === undefined ? undefined : halves(Math.max(total, 0), auto === 'SAME_UPPER')
  })
  return { windows: { ...windows, pads }, output }
}

function inferConvTranspose(node: Node): Inferred[] {
  const [x, w] = [node.input(0).type, node.input(1).type]
  if (!x) return []
  if (!x.shape || !w?.shape) return [{ type: { dtype: x.dtype } }]
  const { output } = transposedWindows(node, x.shape.slice(2), w.shape)
  return [
    { type: { dtype: x.dtype, shape: [x.shape[0]!, w.shape[1]!.mul(node.int('group', 1)), ...output] } },
  ]
}

function convTransposeGradient(node: Node, { b, dy }: GradContext): ReturnType<GradRule> {
  const [x, w] = [node.input(0), node.input(1)]
  const [shape, weight] = [shapeOf(node, x), shapeOf(node, w)]
  const { windows } = transposedWindows(node, shape.slice(2), weight)
  return [
    () => {
      const { strides, dilations } = windows
      const pads = flat(knownPads(node, windows))
      const dx = b.emit('Conv', [dy(), w], { strides, dilations, pads, group: node.int('group', 1) })
      return sameShape(dx.type!.shape, shape)
        ? dx
        : cut(
            b,
            dx,
            strides.map(() => 0),
            shape,
          )
    },
    () => weightGradient(b, node, dy(), x, windows, weight),
    () => channelSums(b, dy()),
  ]
}

/** Reference convolution. Inputs: x, w, bias (optional). */
export function evaluateConv(node: Node, [x, w, bias]: readonly (NdArray | undefined)[]): NdArray[] {
  const [batch, channels] = x!.shape as [number, number]
  const [outputs, depth] = w!.shape as [number, number]
  const input = x!.shape.slice(2)
  const windows = windowsOf(node, input.map(Expr.of), kernelOf(node, w!.shape.map(Expr.of)))
  const output = input.map((d, i) => windowCount(windows, i, Expr.of(d))!.constant!)
  const [from, to] = [sizeOf(input), sizeOf(output)]
  const y = nd(x!.dtype, [batch, outputs, ...output], 0)
  tapPositions(windows, input, output).forEach((taps, at) => {
    for (let n = 0; n < batch; n++) {
      for (let m = 0; m < outputs; m++) {
        const first = Math.floor((m * node.int('group', 1)) / outputs) * depth
        let sum = bias?.data[m] ?? 0
        for (let c = 0; c < depth; c++) {
          const [xAt, wAt] = [(n * channels + first + c) * from, (m * depth + c) * taps.length]
          for (const [k, tap] of taps.entries()) if (tap >= 0) sum += x!.data[xAt + tap]! * w!.data[wAt + k]!
        }
        y.data[(n * outputs + m) * to + at] = sum
      }
    }
  })
  return [y]
}

function evaluateConvTranspose(node: Node, [x, w, bias]: readonly (NdArray | undefined)[]): NdArray[] {
  const [batch, channels] = x!.shape as [number, number]
  const [depth, group] = [w!.shape[1]!, node.int('group', 1)]
  const input = x!.shape.slice(2)
  const { windows, output: dims } = transposedWindows(node, input.map(Expr.of), w!.shape.map(Expr.of))
  const output = dims.map((d) => d.constant!)
  const [from, to, outputs] = [sizeOf(input), sizeOf(output), depth * group]
  const shape = [batch, outputs, ...output]
  const y = bias
    ? broadcastTo(reshape(bias, [outputs, ...output.map(() => 1)]), shape)
    : nd(x!.dtype, shape, 0)
  tapPositions(windows, output, input).forEach((taps, at) => {
    for (let n = 0; n < batch; n++) {
      for (let c = 0; c < channels; c++) {
        const first = Math.floor((c * group) / channels) * depth
        for (let m = 0; m < depth; m++) {
          const [yAt, wAt] = [(n * outputs + first + m) * to, (c * depth + m) * taps.length]
          const value = x!.data[(n * channels + c) * from + at]!
          for (const [k, tap] of taps.entries()) if (tap >= 0) y.data[yAt + tap]! += value * w!.data[wAt + k]!
        }
      }
    }
  })
  return [y]
}
