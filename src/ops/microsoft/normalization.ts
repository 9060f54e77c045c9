/** com.microsoft's normalisations of diffusion and state-space models, by way of their parts. */
import type { Builder } from '../../builder.js'
import { Expr } from '../../expr.js'
import type { Node, Value } from '../../ir.js'
import { invalid, type OpDef } from '../../op.js'
import { sameAsInput } from '../support/broadcast.js'
import { silu } from '../support/emit.js'
import { shapeOf, typeOf } from '../support/shapes.js'
import { rmsNormalized, statisticsType } from '../layer-normalization.js'

/** [N, …, C] with its channels second. */
function channelsFirst(node: Node, b: Builder, x: Value): Value {
  const rank = shapeOf(node, x).length
  return isChannelsLast(node) ? b.transpose(x, [0, rank - 1, ...range(1, rank - 1)]) : x
}

/** The inverse of channelsFirst. */
function asGiven(node: Node, b: Builder, x: Value): Value {
  const rank = shapeOf(node, x).length
  return isChannelsLast(node) ? b.transpose(x, [0, ...range(2, rank), 1]) : x
}

function isChannelsLast(node: Node): boolean {
  return node.int('channels_last', 1) !== 0
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i)
}

/** γ·(x − mean)/σ + β over groups of channels, then SiLU where the node says so. Statistics are float32 at least. */
function groupNorm(node: Node, b: Builder, x: Value): Value {
  const groups = node.int('groups', 0)
  if (groups <= 0) throw invalid(node, 'a positive number of groups', String(groups))
  const [gamma, beta] = [node.input(1), node.input(2)]
  const first = b.cast(channelsFirst(node, b, x), gamma.type!.dtype)
  const shape = shapeOf(node, first)
  const inner = shape.slice(1).reduce((n, d) => n.mul(d))
  const grouped = b.reshape(first, [shape[0]!, Expr.of(groups), inner.div(groups)])
  const plain = [1, 0].map((v) => b.constant(gamma.type!.dtype, [groups], new Array<number>(groups).fill(v)))
  const epsilon = { type: 'float', value: node.float('epsilon', 1e-5) } as const
  const normal = b.reshape(b.emit('InstanceNormalization', [grouped, ...plain], { epsilon }), shape)
  const perChannel = (v: Value): Value => b.reshape(v, shape.map((d, i) => (i === 1 ? d : Expr.one)).slice(1))
  const scaled = b.add(b.mul(normal, perChannel(gamma)), perChannel(beta))
  const active = node.int('activation', 0) === 1 ? silu(b, scaled) : scaled
  return asGiven(node, b, b.cast(active, x.type!.dtype))
}

/** x + skip + bias; skip may be [N, C] or [N, 1, …, C], bias is [C]. */
function skipSum(node: Node, b: Builder): Value {
  const [x, skip, bias] = [node.input(0), node.input(3), node.inputs[4]]
  const shape = shapeOf(node, x)
  const channels = isChannelsLast(node) ? shape.length - 1 : 1
  const own = shapeOf(node, skip)
  const one = shape.map((d, i) => (i === 0 || i === channels ? d : Expr.one))
  const sum = b.add(x, own.length === 2 ? b.reshape(skip, one) : skip)
  if (!bias) return sum
  const perChannel = shape.map((d, i) => (i === channels ? d : Expr.one))
  return b.add(sum, b.reshape(bias, perChannel))
}

/** RMS normalisation of the last C elements at a time, C the length of the scale, times SiLU of the gate. */
function gatedRms(node: Node, b: Builder): Value {
  const [x, scale, gate] = [node.input(0), node.input(1), node.input(2)]
  const shape = shapeOf(node, x)
  const width = shapeOf(node, scale)[0]!
  const rows = b.reshape(x, [...shape.slice(0, -1), shape.at(-1)!.div(width), width])
  const [normal] = rmsNormalized(b, rows, scale, [-1], node.float('epsilon', 1e-5), statisticsType(x))
  return b.mul(b.reshape(normal, shape), silu(b, gate))
}

/** Definitions of the normalisations. */
export const microsoftNormalization = {
  /** Inputs: x, γ [C], β [C]. */
  'com.microsoft::GroupNorm': {
    infer: sameAsInput,
    grad: 'none',
    lower: (node, b) => [groupNorm(node, b, node.input(0))],
  },
  /** Inputs: x, γ, β, skip, bias (optional). Outputs: y and, where it is asked for, x + skip + bias. */
  'com.microsoft::SkipGroupNorm': {
    infer: (node) => [{ type: typeOf(node.inputs[0]) }, { type: typeOf(node.inputs[0]) }],
    grad: 'none',
    lower: (node, b) => {
      const sum = skipSum(node, b)
      return [groupNorm(node, b, sum), node.outputs[1] ? sum : null]
    },
  },
  /** y = RMSNorm(x)·scale·SiLU(gate). Inputs: x, scale [C], gate. */
  'com.microsoft::GatedRMSNorm': {
    infer: sameAsInput,
    grad: 'none',
    lower: (node, b) => [gatedRms(node, b)],
  },
} satisfies Record<string, OpDef>
