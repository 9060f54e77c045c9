/** Operators that stock ONNX Runtime cannot compute in every element type. */
import { Builder } from '../../src/builder.js'
import { Node, Value, type Model } from '../../src/ir.js'
import type { OpTable } from '../../src/op.js'
import { allGraphs } from '../../src/order.js'
import type { DType } from '../../src/types.js'
import { isHalf } from '../widen.js'

/** Operators with a float32 and without a float64 kernel in ONNX Runtime's CPU provider (1.30's kernel registry). */
const SINGLE: ReadonlySet<string> = new Set(
  (
    'Acos Acosh Asin Asinh Atan Atanh Attention AveragePool Celu Col2Im Conv ConvTranspose Cosh Det Elu Erf Gelu ' +
    'GlobalAveragePool GlobalLpPool GlobalMaxPool HardSigmoid Hardmax InstanceNormalization LRN LeakyRelu LpPool ' +
    'MaxRoiPool MaxUnpool Mean MeanVarianceNormalization NonZero OneHot PRelu Resize RotaryEmbedding Selu Sinh Softplus ' +
    'Softsign Tan ThresholdedRelu ' +
    'com.microsoft::BiasGelu com.microsoft::FastGelu com.microsoft::Gelu com.microsoft::QuickGelu'
  ).split(' '),
)

/**
 * Computes in float32, between two casts, what has no kernel in its own type: some operators of float64, and sums of scattered
 * elements of the half types, which would lose digits besides. What the runtime would fuse into such an operator when it
 * loads the graph is written so that it does not.
 */
export function castWhereNoKernel(model: Model, table: OpTable): void {
  for (const graph of allGraphs(model.graph)) {
    const b = new Builder(model, graph, table)
    for (const node of [...graph.nodes]) {
      if (node.qualifiedOp === 'Sigmoid') spellOut(node, b)
      else if (SINGLE.has(node.qualifiedOp)) recast(node, b, (t) => t === 'float64')
      else if (isScatteredSum(node)) recast(node, b, isHalf)
    }
  }
}

/** σ(x) = 1 / (1 + exp(−x)): x·σ(x) would be fused into QuickGelu. */
function spellOut(node: Node, b: Builder): void {
  const x = node.input(0)
  if (x.type?.dtype !== 'float64') return
  const sum = b.add(b.emit('Exp', [b.neg(x)]), b.scalar('float64', 1))
  replace(node.output(), b.emit('Reciprocal', [sum], {}, { name: node.name }))
  node.graph!.removeNode(node)
}

function isScatteredSum(node: Node): boolean {
  return /^Scatter(ND|Elements)$/.test(node.qualifiedOp) && node.string('reduction', 'none') !== 'none'
}

/** Computes a node in float32 where it has operands or results of some types. */
function recast(node: Node, b: Builder, has: (dtype: DType | undefined) => boolean): void {
  node.inputs.forEach((v, i) => {
    if (v && has(v.type?.dtype)) node.setInput(i, b.cast(v, 'float32'))
  })
  for (const [i, output] of [...node.outputs].entries()) {
    const dtype = output.type?.dtype
    if (!dtype || !has(dtype)) continue
    const single = new Value(output.name, { ...output.type, dtype: 'float32' })
    node.outputs[i] = single
    single.producer = node
    output.producer = null
    replace(output, b.cast(single, dtype))
  }
}

/** Makes readers of `old`, results of graphs included, read `fresh`. */
function replace(old: Value, fresh: Value): void {
  fresh.name = old.name
  old.replaceAllUsesWith(fresh)
}
