/** com.microsoft operators that fuse a few standard ones, by way of their parts. */
import type { Builder } from '../../builder.js'
import { Expr } from '../../expr.js'
import type { Attribute, Node, Value } from '../../ir.js'
import { invalid, type Inferred, type InferContext, type OpDef } from '../../op.js'
import type { Shape, TensorType } from '../../types.js'
import { convolution } from '../convolution.js'
import { layout } from '../layout.js'
import { matmul } from '../matmul.js'
import { quantize } from '../quantize.js'
import { indices } from '../attention/scaled-dot-product.js'
import { constant, normalizeAxis, shapeOf, typeOf } from '../support/shapes.js'

const MICROSOFT = 'com.microsoft'

/** Attributes of the fused operator that its main part has too. */
export function without(node: Node, prefix: string): Record<string, Attribute> {
  return Object.fromEntries([...node.attributes].filter(([name]) => !name.startsWith(prefix)))
}

/** The activation that a fused product names, with its `activation_…` attributes. */
export function activated(node: Node, b: Builder, x: Value): Value {
  const op = node.string('activation', '')
  if (op === '') return x
  const attributes: Record<string, Attribute> = {}
  for (const [name, a] of node.attributes)
    if (/^activation_./.test(name)) attributes[name.slice('activation_'.length)] = a
  const params = node.attributes.get('activation_params')
  if (params?.type !== 'floats') return b.emit(op, [x], attributes)
  if (op !== 'LeakyRelu' && op !== 'HardSigmoid') throw invalid(node, 'an activation without parameters', op)
  const named = ['alpha', 'beta'].slice(0, params.value.length)
  return b.emit(
    op,
    [x],
    Object.fromEntries(named.map((n, i) => [n, { type: 'float', value: params.value[i]! } as const])),
  )
}

/** x·w by the axes of x but the last. */
function productType(node: Node): Inferred[] {
  const { dtype, shape } = typeOf(node.inputs[0])
  const columns = typeOf(node.inputs[1]).shape?.at(-1)
  return [{ type: { dtype, shape: shape && columns && shape.with(-1, columns) } }]
}

const sameAsFirst = (node: Node): Inferred[] => [{ type: typeOf(node.inputs[0]) }]

/** [..., D] as [..., D/2]. */
function halved(node: Node): Inferred[] {
  const { dtype, shape } = typeOf(node.inputs[0])
  return [{ type: { dtype, shape: shape?.with(-1, shape.at(-1)!.div(2)) } }]
}

function unsqueezedType(node: Node, ctx: InferContext): Inferred[] {
  const { dtype, shape } = typeOf(node.inputs[0])
  const axis = constant(node.inputs[1])
  if (!shape) return [{ type: { dtype } }]
  if (axis === undefined)
    return [{ type: { dtype, shape: [...shape, Expr.one].map((_, i) => ctx.unknownDim(0, i)) } }]
  return [
    { type: { dtype, shape: shape.toSpliced(normalizeAxis(node, axis, shape.length + 1), 0, Expr.one) } },
  ]
}

function inferEmbedding(node: Node): Inferred[] {
  const shape = typeOf(node.inputs[0]).shape
  const { dtype, shape: table } = typeOf(node.inputs[2])
  const y: TensorType = { dtype, shape: shape && table && [...shape, table[1]!] }
  return [{ type: y }, { type: { dtype: 'int32', shape: shape && [shape[0]!] } }, { type: y }]
}

/** Word, position and segment rows added and normalised; the number of unmasked tokens besides. */
function lowerEmbedding(node: Node, b: Builder): (Value | null)[] {
  const [ids, segments, words, places, kinds, gamma, beta, mask, positions] = Array.from(
    { length: 9 },
    (_, i) => node.inputs[i] ?? null,
  )
  const length = shapeOf(node, ids!)[1]!
  const at = positions ?? indices(b, length, 1, 2)
  const rows = [b.emit('Gather', [words!, ids!]), b.emit('Gather', [places!, at])]
  if (segments && kinds) rows.push(b.emit('Gather', [kinds, segments]))
  const sum = rows.reduce((x, y) => b.add(x, y))
  const epsilon = { type: 'float', value: node.float('epsilon', 1e-12) } as const
  const y = b.emit('LayerNormalization', [sum, gamma!, beta!], { axis: -1, epsilon })
  const batch = shapeOf(node, ids!)[0]!
  const counts = mask
    ? b.emit('ReduceSum', [b.cast(mask, 'int32'), b.ints([1])], { keepdims: 0 })
    : b.full({ dtype: 'int32', shape: [batch] }, 0)
  return [y, node.outputs[1] ? counts : null, node.outputs[2] ? sum : null]
}

/** T5's position bias: rows of the table by the bucket of key − query, exact near zero and logarithmic beyond. */
function lowerPositionBias(node: Node, b: Builder): Value[] {
  const [table, queries, keys] = [0, 1, 2].map((i) => node.input(i)) as [Value, Value, Value]
  const buckets = shapeOf(node, table)[0]!.constant
  if (buckets === undefined)
    throw invalid(node, 'a static number of buckets', String(shapeOf(node, table)[0]))
  const range = (end: Value, axes: number[]) => {
    const scalar = b.reshape(b.cast(end, 'int64'), [])
    return b.emit('Unsqueeze', [
      b.emit('Range', [b.scalar('int64', 0), scalar, b.scalar('int64', 1)]),
      b.ints(axes),
    ])
  }
  const distance = b.sub(range(keys, [0]), range(queries, [1]))
  const bucket = bucketOf(node, b, distance, buckets)
  return [b.emit('Unsqueeze', [b.transpose(b.emit('Gather', [table, bucket]), [2, 0, 1]), b.ints([0])])]
}

function bucketOf(node: Node, b: Builder, distance: Value, buckets: number): Value {
  const both = node.int('is_bidirectional', 0) !== 0
  const count = both ? buckets / 2 : buckets
  const zero = b.scalar('int64', 0)
  const away = both ? b.emit('Abs', [distance]) : b.emit('Max', [b.neg(distance), zero])
  const exact = Math.floor(count / 2)
  const steps = (count - exact) / Math.log(node.int('max_distance', 128) / exact)
  const ratio = b.scale(b.cast(b.emit('Max', [away, b.scalar('int64', exact)]), 'float32'), 1 / exact)
  const beyond = b.add(b.cast(b.scale(b.emit('Log', [ratio]), steps), 'int64'), b.scalar('int64', exact))
  const far = b.emit('Min', [beyond, b.scalar('int64', count - 1)])
  const bucket = b.emit('Where', [b.emit('Less', [away, b.scalar('int64', exact)]), away, far])
  if (!both) return bucket
  return b.emit('Where', [
    b.emit('Greater', [distance, zero]),
    b.add(bucket, b.scalar('int64', count)),
    bucket,
  ])
}

function inferPositionBias(node: Node, ctx: InferContext): Inferred[] {
  const { dtype, shape } = typeOf(node.inputs[0])
  const length = (i: number) => node.inputs[i]?.known?.[0] ?? ctx.unknownDim(0, i + 1)
  const dims: Shape | undefined = shape && [Expr.one, shape[1]!, length(1), length(2)]
  return [{ type: { dtype, shape: dims } }]
}

/** Definitions of the fused operators. */
export const microsoftFused = {
  [`${MICROSOFT}::FusedGemm`]: {
    infer: (node) => matmul.Gemm.infer(node),
    grad: 'none',
    lower: (node, b) => [activated(node, b, b.emit('Gemm', node.inputs, without(node, 'activation')))],
  },
  /** Inputs: x, w, bias, and a tensor that is added before the activation. */
  [`${MICROSOFT}::FusedConv`]: {
    infer: (node, ctx) => convolution.Conv.infer(node, ctx),
    grad: 'none',
    lower: (node, b) => {
      const y = b.emit('Conv', node.inputs.slice(0, 3), without(node, 'activation'))
      return [activated(node, b, node.inputs[3] ? b.add(y, node.inputs[3]) : y)]
    },
  },
  [`${MICROSOFT}::TransposeMatMul`]: {
    infer: (node, ctx) => matmul['com.microsoft::FusedMatMul'].infer(node, ctx),
    grad: 'none',
    lower: (node, b) => [
      b.emit('FusedMatMul', node.inputs, Object.fromEntries(node.attributes), { domain: MICROSOFT }),
    ],
  },
  [`${MICROSOFT}::FusedMatMulActivation`]: {
    infer: (node, ctx) => matmul['com.microsoft::FusedMatMul'].infer(node, ctx),
    grad: 'none',
    lower: (node, b) => {
      const attributes = without(node, 'activation')
      return [activated(node, b, b.emit('FusedMatMul', node.inputs, attributes, { domain: MICROSOFT }))]
    },
  },
  [`${MICROSOFT}::GemmFastGelu`]: {
    infer: productType,
    grad: 'none',
    lower: (node, b) => {
      const product = b.matmul(node.input(0), node.input(1))
      const sum = node.inputs[2] ? b.add(product, node.inputs[2]) : product
      return [b.emit('Gelu', [sum], { approximate: 'tanh' })]
    },
  },
  /** y = x + bias + skip. */
  [`${MICROSOFT}::BiasAdd`]: {
    infer: sameAsFirst,
    grad: 'none',
    lower: (node, b) => [b.add(b.add(node.input(0), node.input(1)), node.input(2))],
  },
  /** y = left·gelu(right), the halves of x + bias. */
  [`${MICROSOFT}::BiasSplitGelu`]: {
    infer: halved,
    grad: 'none',
    lower: (node, b) => {
      const sum = b.add(node.input(0), node.input(1))
      const [left, right] = b.emitAll('Split', [sum], { axis: -1, num_outputs: 2 }, { outputs: 2 })
      return [b.mul(left!, b.emit('Gelu', [right!]))]
    },
  },
  [`${MICROSOFT}::ExpandDims`]: {
    infer: unsqueezedType,
    grad: 'none',
    lower: (node, b) => {
      const axes = b.emit('Reshape', [b.cast(node.input(1), 'int64'), b.ints([1])])
      return [b.emit('Unsqueeze', [node.input(0), axes])]
    },
  },
  [`${MICROSOFT}::Trilu`]: {
    infer: (node) => layout.Trilu.infer(node),
    grad: 'none',
    lower: (node, b) => [b.emit('Trilu', node.inputs, Object.fromEntries(node.attributes))],
  },
  [`${MICROSOFT}::EmbedLayerNormalization`]: { infer: inferEmbedding, grad: 'none', lower: lowerEmbedding },
  [`${MICROSOFT}::RelativePositionBias`]: {
    infer: inferPositionBias,
    grad: 'none',
    lower: lowerPositionBias,
  },
  [`${MICROSOFT}::QuantizeLinear`]: quantize.QuantizeLinear,
  [`${MICROSOFT}::DequantizeLinear`]: quantize.DequantizeLinear,
} satisfies Record<string, OpDef>
