/** Layer and RMS normalisation, and the fused forms that optimizers of inference graphs make of them. */
import { dtypeOf, float, type Builder } from '../builder.js'
import { Expr } from '../expr.js'
import type { Node, Value } from '../ir.js'
import type { GradContext, GradRule, Inferred, NdArray, OpDef } from '../op.js'
import { elementSize, type DType, type TensorType } from '../types.js'
import { sameAsInput } from './support/broadcast.js'
import { divideByCount, lazy, plus, square } from './support/emit.js'
import { map, reduce, zip } from './support/nd.js'
import { normalizeAxis, shapeOf } from './support/shapes.js'

/** Definitions of layer and RMS normalisation. */
export const layerNormalization = {
  /** y = x̂·scale + bias, x̂ = (x − mean)·inv, inv = 1/√(var + ε). Outputs: y, mean, inv. */
  LayerNormalization: {
    infer: inferWithStatistics,
    grad: layerNormalizationGradient,
    evaluate: (node, [x, scale, bias]) => {
      const { y, mean, inv } = normalize(x!, normalizedAxes(node, x!.shape.length), epsilon(node), true)
      const scaled = zip([y, scale!], (v, s) => v * s)
      return [
        bias ? zip([scaled, bias], (v, c) => v + c) : scaled,
        ...[mean, inv].map((s) => stashed(node, s)),
      ]
    },
  },
  /**
   * y = x̂·scale, x̂ = x·inv, inv = 1/√(mean(x²) + ε), which is computed again rather than kept:
   * dx = inv·(g − x̂·mean(g·x̂)) with g = dy·scale; dscale = dy·x̂
   */
  RMSNormalization: {
    infer: sameAsInput,
    grad: (node, { b, dy }) => {
      const [x, scale] = [node.input(0), node.input(1)]
      const axes = normalizedAxes(node, shapeOf(node, x).length)
      const inv = lazy(() =>
        b.cast(inverseRms(b, widened(b, x, stashType(node)), axes, epsilon(node)), x.type!.dtype),
      )
      const normalized = lazy(() => b.mul(x, inv()))
      return [
        () => {
          const g = b.mul(dy(), scale)
          const along = b.mul(normalized(), mean(b, b.mul(g, normalized()), axes))
          return b.mul(inv(), b.sub(g, along))
        },
        () => b.mul(dy(), normalized()),
      ]
    },
    evaluate: (node, [x, scale]) => {
      const { y } = normalize(x!, normalizedAxes(node, x!.shape.length), epsilon(node), false)
      return [zip([y, scale!], (v, s) => v * s)]
    },
  },
  /** RMS normalisation as ONNX Runtime's optimizer writes it, in the default domain. Outputs: y, inv. */
  SimplifiedLayerNormalization: {
    infer: inferWithStatistics,
    grad: 'none',
    lower: (node, b) => {
      const x = node.input(0)
      const axes = normalizedAxes(node, shapeOf(node, x).length)
      return rmsNormalized(b, x, node.input(1), axes, epsilon(node), stashType(node))
    },
  },
  /** LayerNormalization of input + skip + bias. Inputs: input, skip, gamma, beta, bias. Outputs: y, mean, inv, sum. */
  'com.microsoft::SkipLayerNormalization': {
    infer: inferSkip,
    grad: 'none',
    lower: (node, b) => {
      const sum = skipSum(node, b, 4)
      const inputs = [sum, node.input(2), node.inputs[3] ?? null]
      const outputs = { axis: -1, epsilon: float(node.float('epsilon', 1e-12)) }
      return [...b.emitAll('LayerNormalization', inputs, outputs, { outputs: 3 }), sum]
    },
  },
  /** RMS normalisation of input + skip + bias. Inputs: input, skip, gamma, bias. Outputs: y, none, inv, sum. */
  'com.microsoft::SkipSimplifiedLayerNormalization': {
    infer: inferSkip,
    grad: 'none',
    lower: (node, b) => {
      const sum = skipSum(node, b, 3)
      const [y, inv] = rmsNormalized(b, sum, node.input(2), [-1], node.float('epsilon', 1e-12), 'float32')
      return [y, null, inv, sum]
    },
  },
} satisfies Record<string, OpDef>

/**
 * With x̂ from the mean and inv outputs and g = dy·scale: dx = inv·(g − mean(g) − x̂·mean(g·x̂)); dscale = dy·x̂, dbias = dy.
 * Where the statistics themselves reach the loss, dx also has dmean/n − dinv·inv²·x̂/n.
 */
function layerNormalizationGradient(node: Node, g: GradContext): ReturnType<GradRule> {
  const { b, dy } = g
  const [x, scale] = [node.input(0), node.input(1)]
  const axes = normalizedAxes(node, shapeOf(node, x).length)
  const statistic = (i: number) => b.cast(g.saved(i, statisticType(node, x.type!)), x.type!.dtype)
  const inv = lazy(() => statistic(2))
  const normalized = lazy(() => b.mul(b.sub(x, statistic(1)), inv()))
  return [
    () => {
      const terms = [centredGradient(b, b.mul(dy(), scale), normalized(), inv(), axes)]
      if (g.has(1)) terms.push(perElement(dy(1)))
      if (g.has(2)) terms.push(b.neg(b.mul(normalized(), b.mul(perElement(dy(2)), square(b, inv())))))
      return terms.reduce((sum, term) => b.add(sum, term))
    },
    () => b.mul(dy(), normalized()),
    () => dy(),
  ]

  function perElement(d: Value): Value {
    return divideByCount(
      b,
      b.cast(d, x.type!.dtype),
      axes.map((a) => shapeOf(node, x)[a]!),
    )
  }
}

/**
 * Gradient of x̂ = (x − mean)·inv with respect to x, for statistics over `axes`.
 * @param g cotangent of x̂
 */
export function centredGradient(
  b: Builder,
  g: Value,
  normalized: Value,
  inv: Value,
  axes: readonly number[],
): Value {
  const along = b.mul(normalized, mean(b, b.mul(g, normalized), axes))
  return b.mul(inv, b.sub(b.sub(g, mean(b, g, axes)), along))
}

/** Mean over axes that stay with length 1. */
export function mean(b: Builder, x: Value, axes: readonly number[]): Value {
  return b.emit('ReduceMean', [x, b.ints(axes)], { keepdims: 1 })
}

/** Reference normalisation over `axes`, with its statistics. */
export function normalize(x: NdArray, axes: readonly number[], epsilon: number, centred: boolean) {
  const average = (v: NdArray) =>
    reduce(v, axes, true, (line) => line.reduce((a, c) => a + c, 0) / line.length)
  const mean = average(x)
  const shifted = centred ? zip([x, mean], (v, m) => v - m) : x
  const inv = map(average(map(shifted, (v) => v * v)), (v) => 1 / Math.sqrt(v + epsilon))
  return { y: zip([shifted, inv], (v, s) => v * s), mean, inv }
}

function epsilon(node: Node): number {
  return node.float('epsilon', 1e-5)
}

function normalizedAxes(node: Node, rank: number): number[] {
  const axis = normalizeAxis(node, node.int('axis', -1), rank)
  return Array.from({ length: rank - axis }, (_, i) => axis + i)
}

function stashType(node: Node): DType {
  return dtypeOf(node.int('stash_type', 1))
}

function stashed(node: Node, x: NdArray): NdArray {
  return { ...x, dtype: stashType(node) }
}

function statisticType(node: Node, { shape }: TensorType): TensorType {
  const axes = shape && normalizedAxes(node, shape.length)
  return { dtype: stashType(node), shape: shape?.map((d, i) => (axes!.includes(i) ? Expr.one : d)) }
}

function inferWithStatistics(node: Node): Inferred[] {
  const type = node.input(0).type
  if (!type) return []
  const statistic = { type: statisticType(node, type) }
  return [{ type }, statistic, statistic]
}

function inferSkip(node: Node): Inferred[] {
  const [y, mean, inv] = inferWithStatistics(node)
  return y ? [y, mean!, inv!, y] : []
}

/** input + skip + bias, with the bias on the operand that is a product: it is the last of the branch that ends there. */
function skipSum(node: Node, b: Builder, biasIndex: number): Value {
  const [input, skip, bias] = [node.input(0), node.input(1), node.inputs[biasIndex]]
  if (!bias) return b.add(input, skip)
  return skip.producer?.op === 'MatMul' ? b.add(input, b.add(skip, bias)) : b.add(b.add(input, bias), skip)
}

/** `x` in the statistics' element type where that is the wider one: squares of float16 overflow. */
function widened(b: Builder, x: Value, stash: DType): Value {
  return elementSize(x.type!.dtype) < elementSize(stash) ? b.cast(x, stash) : x
}

/** 1 / √(mean(x²) + ε). */
export function inverseRms(b: Builder, x: Value, axes: readonly number[], epsilon: number): Value {
  return b.emit('Reciprocal', [b.emit('Sqrt', [plus(b, mean(b, square(b, x), axes), epsilon)])])
}

/** Element type that statistics of x are computed in: float32, float64 of float64. */
export function statisticsType(x: Value): DType {
  return x.type!.dtype === 'float64' ? 'float64' : 'float32'
}

/** RMS normalisation in elementary operators, with statistics in another element type where asked. */
export function rmsNormalized(
  b: Builder,
  x: Value,
  scale: Value,
  axes: readonly number[],
  epsilon: number,
  stash: DType,
): [Value, Value] {
  const wide = b.cast(x, stash)
  const inv = inverseRms(b, wide, axes, epsilon)
  return [b.mul(b.cast(b.mul(wide, inv), x.type!.dtype), scale), inv]
}
