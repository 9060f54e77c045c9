/** com.microsoft operators that fuse a few element-wise steps, by way of their parts. */
import type { Builder } from '../../builder.js'
import { Expr } from '../../expr.js'
import type { Node, Value } from '../../ir.js'
import { invalid, type Inferred, type OpDef } from '../../op.js'
import { broadcasting, sameAsInput } from '../support/broadcast.js'
import { splitHeads } from '../attention/scaled-dot-product.js'
import { normalizeAxis, shapeOf, typeOf } from '../support/shapes.js'
import { rmsNormalized, statisticsType } from '../layer-normalization.js'

/** Softmax(x + bias) over all axes from `axis` on; bias broadcasts as ONNX's Add does, inside or outside. */
function biasSoftmax(node: Node, b: Builder): Value {
  const sum = b.add(node.input(0), node.input(1))
  const shape = shapeOf(node, sum)
  const axis = normalizeAxis(node, node.int('axis', 1), shape.length)
  if (axis === shape.length - 1) return b.emit('Softmax', [sum], { axis: -1 })
  const flat = [...shape.slice(0, axis), shape.slice(axis).reduce((n, d) => n.mul(d))]
  return b.reshape(b.emit('Softmax', [b.reshape(sum, flat)], { axis: -1 }), shape)
}

/** The real and the imaginary half of [..., 2]. */
function complexParts(b: Builder, x: Value): [Value, Value] {
  return b.emitAll('Split', [x], { axis: -1, num_outputs: 2 }, { outputs: 2 }) as [Value, Value]
}

/** a·b, or a·b̄, of complex numbers [..., 2]. */
function complexProduct(node: Node, b: Builder, sign: 1 | -1): Value {
  const [[re, im], [re2, given]] = [complexParts(b, node.input(0)), complexParts(b, node.input(1))]
  const im2 = sign === 1 ? given : b.neg(given)
  const parts = [b.sub(b.mul(re, re2), b.mul(im, im2)), b.add(b.mul(re, im2), b.mul(im, re2))]
  return b.emit('Concat', parts, { axis: -1 })
}

/**
 * WavLM's gate on a position bias: (σ_u·(σ_r·a − 1) + 2)·rel_pos, where σ_u and σ_r are the logistic of sums of halves of a
 * linear map of the queries. Inputs: q [B, S, N·H], its bias [N·H], rel_pos [1, N, S, S], W [H, D], c [D], a [1, N, 1, 1].
 */
function gatedPositionBias(node: Node, b: Builder): Value {
  if (node.inputs[6]) throw invalid(node, 'no token_offset (packed sequences)', 'one')
  const [q, bias, position, weight, shift, factor] = [0, 1, 2, 3, 4, 5].map((i) => node.input(i)) as [
    Value,
    Value,
    Value,
    Value,
    Value,
    Value,
  ]
  const heads = splitHeads(node, b, b.add(q, bias), Expr.of(node.int('num_heads', 0)))
  const mapped = b.add(b.matmul(heads, weight), shift)
  const shape = shapeOf(node, mapped)
  const halves = b.reshape(mapped, [...shape.slice(0, -1), Expr.of(2), shape.at(-1)!.div(2)])
  const gates = b.emit('Sigmoid', [b.sum(halves, [4], false)])
  const [u, r] = b.emitAll('Split', [gates], { axis: -1, num_outputs: 2 }, { outputs: 2 }) as [Value, Value]
  const inner = b.sub(b.mul(r, factor), b.scalarLike(r, 1))
  return b.mul(b.add(b.mul(u, inner), b.scalarLike(u, 2)), position)
}

function inferGatedPositionBias(node: Node): Inferred[] {
  const { dtype, shape } = typeOf(node.inputs[0])
  const position = typeOf(node.inputs[2]).shape
  return [{ type: { dtype, shape: shape && position && [shape[0]!, ...position.slice(1)] } }]
}

/** q·cos + q_rot·sin and the same of k; the angles [B, S, D] are computed in their own type. */
function gemmaRotary(node: Node, b: Builder): Value[] {
  const angles = node.input(0)
  const [batch, length, size] = shapeOf(node, angles) as [Expr, Expr, Expr]
  const [cos, sin] = ['Cos', 'Sin'].map((op) => {
    const value = b.cast(b.emit(op, [angles]), node.input(1).type!.dtype)
    return b.reshape(value, [batch, Expr.one, length, size])
  }) as [Value, Value]
  const turn = (x: Value, turned: Value): Value => b.add(b.mul(x, cos), b.mul(turned, sin))
  return [turn(node.input(1), node.input(2)), turn(node.input(3), node.input(4))]
}

/** RMS normalisation over the last axis with a scale. */
function rms(node: Node, b: Builder, x: Value, scale: Value): Value {
  return rmsNormalized(b, x, scale, [-1], node.float('epsilon', 1e-5), statisticsType(x))[0]
}

/** σ(sign(d)·√max(|d|, 10⁻⁶))·value, d the scaled product of normalised key and query [B, S, M, H]. */
function engramGate(node: Node, b: Builder): Value {
  const [key, query, value] = [node.input(0), node.input(1), node.input(2)]
  const shape = shapeOf(node, key)
  const product = b.mul(rms(node, b, key, node.input(3)), rms(node, b, query, node.input(4)))
  const size = b.cast(b.reshape(b.dim(shape.at(-1)!), []), key.type!.dtype)
  const dot = b.div(b.sum(product, [shape.length - 1], true), b.emit('Sqrt', [size]))
  const root = b.emit('Sqrt', [b.emit('Max', [b.emit('Abs', [dot]), b.scalarLike(dot, 1e-6)])])
  const gate = b.emit('Sigmoid', [b.mul(b.emit('Sign', [dot]), root)])
  const [batch, length, hidden] = shapeOf(node, value) as [Expr, Expr, Expr]
  return b.mul(gate, b.reshape(value, [batch, length, Expr.one, hidden]))
}

/** The decay of linear attention in float32, and its update rate. */
function attentionGate(node: Node, b: Builder): (Value | null)[] {
  const [a, shift, scale, rate] = [node.input(0), node.input(1), node.input(2), node.inputs[3]]
  const sum = b.add(b.cast(a, shift.type!.dtype), shift)
  const decay = b.cast(b.mul(scale, b.emit('Softplus', [sum])), a.type!.dtype)
  return [decay, rate && node.outputs[1] ? b.emit('Sigmoid', [rate]) : null]
}

/** Distances between the rows of two matrices. */
function distances(node: Node, b: Builder): Value {
  const metric = node.string('metric', 'sqeuclidean')
  if (metric !== 'euclidean' && metric !== 'sqeuclidean')
    throw invalid(node, 'metric "euclidean" or "sqeuclidean"', metric)
  const [[m, k], [n]] = [shapeOf(node, node.input(0)), shapeOf(node, node.input(1))]
  const rows = b.reshape(node.input(0), [m!, Expr.one, k!])
  const difference = b.sub(rows, b.reshape(node.input(1), [Expr.one, n!, k!]))
  const squares = b.sum(b.mul(difference, difference), [2], false)
  return metric === 'euclidean' ? b.emit('Sqrt', [squares]) : squares
}

/** Whether every element of every input is a number and finite. */
function allFinite(node: Node, b: Builder): Value {
  const [onlyInf, onlyNan] = [node.int('isinf_only', 0) !== 0, node.int('isnan_only', 0) !== 0]
  const found = node.inputs.map((x) => {
    const tests = [...(onlyNan ? [] : ['IsInf']), ...(onlyInf ? [] : ['IsNaN'])]
    const bad = tests.map((op) => b.emit(op, [x!])).reduce((p, q) => b.emit('Or', [p, q]))
    return b.emit('ReduceMax', [b.cast(bad, 'int32')], { keepdims: 0 })
  })
  const worst = found.reduce((p, q) => b.emit('Max', [p, q]))
  return b.emit('Equal', [worst, b.scalar('int32', 0)])
}

/** Definitions of the fused element-wise operators. */
export const microsoftElementwise = {
  'com.microsoft::BiasSoftmax': {
    infer: sameAsInput,
    grad: 'none',
    lower: (node, b) => [biasSoftmax(node, b)],
  },
  /** y = x + y·gate, one gate a row. */
  'com.microsoft::GatedAdd': {
    infer: sameAsInput,
    grad: 'none',
    lower: (node, b) => [b.add(node.input(0), b.mul(node.input(1), node.input(2)))],
  },
  'com.microsoft::ComplexMul': {
    infer: broadcasting(),
    grad: 'none',
    lower: (node, b) => [complexProduct(node, b, 1)],
  },
  'com.microsoft::ComplexMulConj': {
    infer: broadcasting(),
    grad: 'none',
    lower: (node, b) => [complexProduct(node, b, -1)],
  },
  'com.microsoft::GatedRelativePositionBias': {
    infer: inferGatedPositionBias,
    grad: 'none',
    lower: (node, b) => [gatedPositionBias(node, b)],
  },
  /** Inputs: angles [B, S, D], q and q with its halves exchanged [B, N, S, D], the same of k. */
  'com.microsoft::GemmaRotaryEmbedding': {
    infer: (node) => [{ type: typeOf(node.inputs[1]) }, { type: typeOf(node.inputs[3]) }],
    grad: 'none',
    lower: (node, b) => gemmaRotary(node, b).map((v, i) => (node.outputs[i] ? v : null)),
  },
  /** Inputs: key and query [B, S, M, H], value [B, S, H], the scales [M, H] of both norms. */
  'com.microsoft::EngramGate': {
    infer: sameAsInput,
    grad: 'none',
    lower: (node, b) => [engramGate(node, b)],
  },
  /** decay = scale·softplus(a + bias), beta = σ(b). */
  'com.microsoft::LinearAttentionGate': {
    infer: (node) => [{ type: typeOf(node.inputs[0]) }, { type: typeOf(node.inputs[3] ?? node.inputs[0]) }],
    grad: 'none',
    lower: attentionGate,
  },
  'com.microsoft::CDist': {
    infer: (node) => {
      const [x, y] = [typeOf(node.inputs[0]), typeOf(node.inputs[1])]
      return [{ type: { dtype: x.dtype, shape: x.shape && y.shape && [x.shape[0]!, y.shape[0]!] } }]
    },
    grad: 'none',
    lower: (node, b) => [distances(node, b)],
  },
  'com.microsoft::IsAllFinite': {
    infer: () => [{ type: { dtype: 'bool', shape: [] } }],
    grad: 'none',
    lower: (node, b) => [allFinite(node, b)],
  },
} satisfies Record<string, OpDef>
