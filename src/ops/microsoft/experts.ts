/** com.microsoft's mixtures of experts, as all experts on all tokens: what a router does not choose has weight zero. */
import type { Builder } from '../../builder.js'
import { Expr } from '../../expr.js'
import type { Node, Value } from '../../ir.js'
import { invalid, type OpDef } from '../../op.js'
import { sameAsInput } from '../support/broadcast.js'
import { unpack } from './quantized.js'
import { shapeOf } from '../support/shapes.js'

/** A layer of every expert: weights [E, out, in] and, where there is one, a bias [E, out]. */
interface ExpertLayer {
  readonly weight: Value
  readonly bias: Value | null
}

/** y = Σₑ rₑ·fc2ₑ(act(fc1ₑ(x))), with a gate fc3 where there is one. */
function mixture(
  node: Node,
  b: Builder,
  [first, second, third]: [ExpertLayer, ExpertLayer, ExpertLayer | undefined],
): Value {
  const x = node.input(0)
  const shape = shapeOf(node, x)
  const width = shape.at(-1)!
  const tokens = shape.slice(0, -1).reduce((n, d) => n.mul(d), Expr.one)
  const rows = b.reshape(x, [Expr.one, tokens, width])
  const hidden = activate(node, b, apply(b, rows, first), third && apply(b, rows, third))
  const outputs = apply(b, hidden, second)
  const weights = routing(node, b, b.cast(node.input(1), x.type!.dtype))
  const perExpert = b.transpose(weights, [1, 0])
  const [experts] = shapeOf(node, second.weight)
  const weighted = b.mul(outputs, b.reshape(perExpert, [experts!, tokens, Expr.one]))
  return b.reshape(b.sum(weighted, [0], false), shape)
}

/** x·Wᵀ + bias for every expert: [1 or E, T, in] as [E, T, out]. */
function apply(b: Builder, x: Value, { weight, bias }: ExpertLayer): Value {
  const y = b.matmul(x, b.transposeLast(weight))
  if (!bias) return y
  const [experts, width] = bias.type!.shape! as [Expr, Expr]
  return b.add(y, b.reshape(bias, [experts, Expr.one, width]))
}

/** Weights [T, E] of the k experts that each token goes to, zero for the others; of softmax over all. */
function routing(node: Node, b: Builder, logits: Value): Value {
  if (node.int('use_sparse_mixer', 0)) throw invalid(node, 'use_sparse_mixer = 0', '1')
  const all = b.emit('Softmax', [logits], { axis: -1 })
  const k = b.ints([node.int('k', 1)])
  const [top, chosen] = b.emitAll('TopK', [all, k], { axis: -1 }, { outputs: 2 }) as [Value, Value]
  const scaled = node.int('normalize_routing_weights', 0) ? b.div(top, b.sum(top, [1], true)) : top
  const zeros = b.full(logits.type!, 0)
  return b.emit('ScatterElements', [zeros, chosen, scaled], { axis: 1 })
}

function activate(node: Node, b: Builder, x: Value, gate: Value | undefined): Value {
  const kind = node.string('activation_type', 'relu')
  if (kind === 'swiglu') return swiglu(node, b, x, gate)
  const y = simple(node, b, x, kind)
  return gate ? b.mul(y, gate) : y
}

function simple(node: Node, b: Builder, x: Value, kind: string): Value {
  if (kind === 'identity') return x
  if (kind === 'relu') return b.emit('Relu', [x])
  if (kind === 'gelu') return b.emit('Gelu', [x])
  if (kind === 'silu') return b.mul(x, b.emit('Sigmoid', [x]))
  throw invalid(node, 'activation_type relu, gelu, silu, swiglu or identity', kind)
}

/** G·σ(α·G)·(L + β), G and L clamped; both in the columns of fc1, as neighbours or as halves, or L of fc3. */
function swiglu(node: Node, b: Builder, x: Value, gate: Value | undefined): Value {
  const fusion = node.int('swiglu_fusion', 0)
  const [g, l] = fusion === 0 && gate ? [x, gate] : columns(node, b, x, fusion)
  const limit = node.float('swiglu_limit', Infinity)
  const bound = (v: Value, low: Value | null): Value =>
    Number.isFinite(limit) ? b.emit('Clip', [v, low, b.scalarLike(v, limit)]) : v
  const [G, L] = [bound(g, null), bound(l, b.scalarLike(l, -limit))]
  const beta = node.float('activation_beta', 0)
  const gated = b.mul(G, b.emit('Sigmoid', [b.scale(G, node.float('activation_alpha', 1))]))
  return b.mul(gated, beta === 0 ? L : b.add(L, b.scalarLike(L, beta)))
}

function columns(node: Node, b: Builder, x: Value, fusion: number): [Value, Value] {
  const shape = shapeOf(node, x)
  const half = shape.at(-1)!.div(2)
  const halves = (v: Value, axis: number): [Value, Value] =>
    b.emitAll('Split', [v], { axis, num_outputs: 2 }, { outputs: 2 }) as [Value, Value]
  if (fusion === 2) return halves(x, -1)
  if (fusion !== 1) throw invalid(node, 'swiglu_fusion 1 or 2, or fc3', String(fusion))
  const pairs = halves(b.reshape(x, [...shape.slice(0, -1), half, Expr.of(2)]), -1)
  return pairs.map((v) => b.reshape(v, shape.with(-1, half))) as [Value, Value]
}

/** Layers of MoE: weight and bias one after the other. */
function layersOf(node: Node): [ExpertLayer, ExpertLayer, ExpertLayer | undefined] {
  const layer = (at: number): ExpertLayer => ({ weight: node.input(at), bias: node.inputs[at + 1] ?? null })
  return [layer(2), layer(4), node.inputs[6] ? layer(6) : undefined]
}

/** Layers of QMoE: packed weights, scales and bias; zero points come last. */
function unpackedLayers(node: Node, b: Builder): [ExpertLayer, ExpertLayer, ExpertLayer | undefined] {
  const kind = node.string('quant_type', 'int')
  if (kind !== 'int') throw invalid(node, 'quant_type "int"', kind)
  if (node.int('weights_prepacked', 0) > 0)
    throw invalid(node, 'weights that are not prepacked', 'weights_prepacked = 1')
  if (node.inputs.slice(14).some((v) => v))
    throw invalid(node, 'no router_weights or activation scales', 'some')
  const layer = (k: number): ExpertLayer => ({
    weight: dequantized(node, b, node.input(2 + 3 * k), node.input(3 + 3 * k), node.inputs[11 + k]),
    bias: node.inputs[4 + 3 * k] ?? null,
  })
  return [layer(0), layer(1), node.inputs[8] ? layer(2) : undefined]
}

/** (level − zero)·scale, one scale a row of an expert or a block of it. */
function dequantized(
  node: Node,
  b: Builder,
  packed: Value,
  scales: Value,
  zeros: Value | null | undefined,
): Value {
  const bits = node.int('expert_weight_bits', 4)
  const levels = b.cast(unpack(b, packed, bits), scales.type!.dtype)
  const [experts, rows, width] = shapeOf(node, levels) as [Expr, Expr, Expr]
  const blocks = shapeOf(node, scales).length === 3 ? shapeOf(node, scales)[2]! : Expr.one
  const perBlock = (v: Value): Value => b.reshape(v, [experts, rows, blocks, Expr.one])
  const points = zeros
    ? perBlock(b.cast(unpack(b, zeros, bits), scales.type!.dtype))
    : b.scalarLike(scales, 2 ** (bits - 1))
  const blocked = b.reshape(levels, [experts, rows, blocks, width.div(blocks)])
  const scaled = b.mul(b.sub(blocked, points), perBlock(scales))
  return b.cast(b.reshape(scaled, [experts, rows, width]), node.input(0).type!.dtype)
}

/** Definitions of the mixtures. */
export const microsoftExperts = {
  /** Inputs: x [T, H] or [B, S, H], router logits [T, E], then weights [E, out, in] and biases of fc1, fc2 and fc3. */
  'com.microsoft::MoE': {
    infer: sameAsInput,
    grad: 'none',
    lower: (node, b) => [mixture(node, b, layersOf(node))],
  },
  /** The same with weights of few bits, which are frozen. */
  'com.microsoft::QMoE': {
    infer: sameAsInput,
    grad: 'none',
    lower: (node, b) => [mixture(node, b, unpackedLayers(node, b))],
  },
} satisfies Record<string, OpDef>
