/** com.microsoft's convolutions: channels last, and causal with a state. */
import type { Builder } from '../../builder.js'
import { Expr } from '../../expr.js'
import type { Node, Value } from '../../ir.js'
import { invalid, type Inferred, type InferContext, type OpDef } from '../../op.js'
import type { Shape } from '../../types.js'
import { activated, without } from './fused.js'
import { shapeOf, typeOf } from '../support/shapes.js'
import { windowCount, windowsOf } from '../support/windows.js'

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)

/** [N, …, C] as [N, C, …]. */
function channelsFirst(b: Builder, x: Value): Value {
  const rank = x.type!.shape!.length
  return b.transpose(x, [0, rank - 1, ...range(1, rank - 1)])
}

/** [N, C, …] as [N, …, C]. */
function channelsLast(b: Builder, x: Value): Value {
  return b.transpose(x, [0, ...range(2, x.type!.shape!.length), 1])
}

/** Windows over the inner axes of [N, …, C]; as many channels as the weight says, or as there were. */
export function inferLast(node: Node, ctx: InferContext, channels?: Shape): Inferred[] {
  const { dtype, shape } = typeOf(node.inputs[0])
  if (!shape) return [{ type: { dtype } }]
  const spatial = shape.slice(1, -1)
  const kernel = node.ints('kernel_shape')?.map(Expr.of) ?? channels!.slice(2)
  const windows = windowsOf(node, spatial, kernel)
  const counts = spatial.map((d, i) => windowCount(windows, i, d) ?? ctx.unknownDim(0, i + 1))
  return [{ type: { dtype, shape: [shape[0]!, ...counts, channels?.[0] ?? shape.at(-1)!] } }]
}

/** x ∗ w + bias, plus z where it is given, activated. */
function convLast(node: Node, b: Builder): Value {
  const x = channelsFirst(b, node.input(0))
  const y = b.emit('Conv', [x, node.input(1), node.inputs[2] ?? null], without(node, 'activation'))
  const sum = node.inputs[3] ? b.add(channelsLast(b, y), node.inputs[3]) : channelsLast(b, y)
  return activated(node, b, sum)
}

/** Depthwise and causal along the last axis; what precedes the first position is the past state, or zero. */
function causalConv(node: Node, b: Builder): (Value | null)[] {
  refuseOther(node)
  const isLast = node.int('channels_last', 0) !== 0
  const [given, weight, bias, past] = [node.input(0), node.input(1), node.inputs[2], node.inputs[3]]
  const turn = (v: Value): Value => (isLast ? b.transpose(v, [0, 2, 1]) : v)
  const x = turn(given)
  const [channels, , taps] = shapeOf(node, weight) as [Expr, Expr, Expr]
  const dilation = node.int('dilation', 1)
  const carried = taps.sub(1).mul(dilation)
  const padded = past
    ? b.emit('Concat', [turn(past), x], { axis: 2 })
    : b.emit('Pad', [x, b.shape([carried, Expr.zero]), null, b.ints([2])])
  const group = channels.constant
  if (group === undefined) throw invalid(node, 'a static number of channels', String(channels))
  const y = b.emit('Conv', [padded, weight, bias ?? null], { group, dilations: [dilation] })
  const active = /^(silu|swish)$/.test(node.string('activation', 'none'))
    ? b.mul(y, b.emit('Sigmoid', [y]))
    : y
  if (!node.outputs[1]) return [turn(active)]
  const length = shapeOf(node, padded)[2]!
  const state = b.emit('Slice', [padded, b.dim(length.sub(carried)), b.dim(length), b.ints([2])])
  return [turn(active), turn(state)]
}

function refuseOther(node: Node): void {
  if (node.int('ndim', 1) !== 1) throw invalid(node, 'ndim = 1', String(node.int('ndim', 1)))
  if (node.int('state_window', 0) !== 0)
    throw invalid(node, 'state_window = 0', String(node.int('state_window', 0)))
}

function inferCausal(node: Node): Inferred[] {
  const { dtype, shape } = typeOf(node.inputs[0])
  const taps = typeOf(node.inputs[1]).shape?.[2]
  if (!shape || !taps) return [{ type: { dtype } }, { type: { dtype } }]
  const axis = node.int('channels_last', 0) ? 1 : 2
  return [
    { type: { dtype, shape } },
    { type: { dtype, shape: shape.with(axis, taps.sub(1).mul(node.int('dilation', 1))) } },
  ]
}

/** Definitions of the convolutions. */
export const microsoftConvolution = {
  /** Inputs: x [N, …, C], w [M, C/groups, …], bias. */
  'com.microsoft::NhwcConv': {
    infer: (node, ctx) => inferLast(node, ctx, shapeOf(node, node.input(1))),
    grad: 'none',
    lower: (node, b) => [convLast(node, b)],
  },
  /** The same, and a tensor that is added before the activation. */
  'com.microsoft::NhwcFusedConv': {
    infer: (node, ctx) => inferLast(node, ctx, shapeOf(node, node.input(1))),
    grad: 'none',
    lower: (node, b) => [convLast(node, b)],
  },
  'com.microsoft::NhwcMaxPool': {
    infer: (node, ctx) => inferLast(node, ctx),
    grad: 'none',
    lower: (node, b) => {
      const pooled = b.emit('MaxPool', [channelsFirst(b, node.input(0))], Object.fromEntries(node.attributes))
      return [channelsLast(b, pooled)]
    },
  },
  /** Inputs: x [B, C, L], w [C, 1, k], bias [C], past [B, C, (k−1)·dilation]. Outputs: y, the state that follows. */
  'com.microsoft::CausalConvWithState': { infer: inferCausal, grad: 'none', lower: causalConv },
} satisfies Record<string, OpDef>
