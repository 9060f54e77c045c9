/** Normalisation of channels, groups and vectors: batch, instance, group, Lp, mean-variance, local response. */
import type { Builder } from '../builder.js'
import { Expr } from '../expr.js'
import type { Node, Value } from '../ir.js'
import { invalid, type GradContext, type GradRule, type Inferred, type NdArray, type OpDef } from '../op.js'
import { elementCount, type Shape } from '../types.js'
import { sameAsInput } from './support/broadcast.js'
import { compare, divideByCount, lazy, plus, square, where } from './support/emit.js'
import { centredGradient, mean, normalize } from './layer-normalization.js'
import { map, mapLines, reduce, reshape, zip } from './support/nd.js'
import { normalizeAxis, shapeOf } from './support/shapes.js'

/** Definitions of normalisations other than layer and RMS. */
export const channelNormalization = {
  /** y = x̂·scale + bias a channel, x̂ = (x − mean)·inv; see `batchGradient` */
  BatchNormalization: { infer: inferBatch, grad: batchGradient, evaluate: evaluateBatch },
  /** y = x̂·scale + bias, x̂ normalised over the spatial axes of a channel; dx as of LayerNormalization */
  InstanceNormalization: {
    infer: sameAsInput,
    grad: (node, g) => groupedGradient(node, g, shapeOf(node, node.input(0))[1]!),
    evaluate: (node, [x, scale, bias]) => [evaluateGrouped(node, x!, scale!, bias!, x!.shape[1]!)],
  },
  /** y = x̂·scale + bias, x̂ normalised over a group of channels; dx as of LayerNormalization */
  GroupNormalization: {
    infer: sameAsInput,
    grad: (node, g) => groupedGradient(node, g, Expr.of(node.int('num_groups', 1))),
    evaluate: (node, [x, scale, bias]) => [
      evaluateGrouped(node, x!, scale!, bias!, node.int('num_groups', 1)),
    ],
  },
  /**
   * y = (x − mean) / (√var + 10⁻⁹); dx = inv·(dy − mean(dy) − y·mean(dy·y)), which takes the 10⁻⁹ for zero except in inv
   */
  MeanVarianceNormalization: {
    infer: sameAsInput,
    grad: (node, { b, dy }) => {
      const axes = varianceAxes(node, shapeOf(node, node.input(0)).length)
      return [
        () => {
          const centred = b.sub(node.input(0), mean(b, node.input(0), axes))
          const deviation = b.emit('Sqrt', [mean(b, square(b, centred), axes)])
          const inv = b.emit('Reciprocal', [plus(b, deviation, VARIANCE_EPSILON)])
          return centredGradient(b, dy(), node.output(), inv, axes)
        },
      ]
    },
    evaluate: (node, [x]) => [evaluateVariance(node, x!)],
  },
  /** y = x / n, n = ‖x‖ₚ along an axis; dx = (dy − s·Σ(dy·y)) / n with s = y for p = 2, sign(x) for p = 1; 0 where n = 0 */
  LpNormalization: { infer: sameAsInput, grad: lpGradient, evaluate: (node, [x]) => [evaluateLp(node, x!)] },
  /** y = x·S^(−β), S = k + (α/size)·Σ x² over neighbouring channels; dx = dy·S^(−β) − (2αβ/size)·x·Σ′ dy·y/S */
  LRN: { infer: sameAsInput, grad: lrnGradient, evaluate: (node, [x]) => [evaluateLrn(node, x!)] },
} satisfies Record<string, OpDef>

const VARIANCE_EPSILON = 1e-9

function epsilon(node: Node): number {
  return node.float('epsilon', 1e-5)
}

/** Every axis but the channels. */
function allButChannels(rank: number): number[] {
  return [...Array(rank).keys()].filter((axis) => axis !== 1)
}

/** [C] as [C, 1, …], to be broadcast against [N, C, …]. */
function alongChannels(b: Builder, x: Value, rank: number): Value {
  return rank <= 2 ? x : b.reshape(x, [x.type!.shape![0]!, ...Array<Expr>(rank - 2).fill(Expr.one)])
}

function isTraining(node: Node): boolean {
  return node.int('training_mode', 0) === 1
}

function inferBatch(node: Node): Inferred[] {
  const x = node.input(0).type
  if (!x) return []
  const running = [node.inputs[3], node.inputs[4]].flatMap((v) => (v?.type ? [{ type: v.type }] : []))
  return [{ type: x }, ...(isTraining(node) ? running : [])]
}

function batchGradient(node: Node, g: GradContext): ReturnType<GradRule> {
  const rank = shapeOf(node, node.input(0)).length
  const { b } = g
  const overChannels = (x: Value) => b.sum(x, allButChannels(rank), false)
  const wide = (x: Value) => alongChannels(b, x, rank)
  const scaled = lazy(() => b.mul(g.dy(), wide(node.input(1))))
  const { dx, normalized, statistics } = (isTraining(node) ? trainedBatch : givenBatch)(node, g, scaled, wide)
  return [
    dx,
    () => overChannels(b.mul(g.dy(), normalized())),
    () => overChannels(g.dy()),
    ...statistics.map((s) => () => s(overChannels)),
  ]
}

/** What differs between the modes of BatchNormalization. */
interface BatchParts {
  readonly dx: () => Value
  readonly normalized: () => Value
  /** Gradients of the statistics that are inputs. */
  readonly statistics: readonly ((overChannels: (x: Value) => Value) => Value)[]
}

type BatchMode = (node: Node, g: GradContext, scaled: () => Value, wide: (x: Value) => Value) => BatchParts

/** Statistics from outside: dx = g·inv with g = dy·scale, dmean = −Σg·inv, dvar = −½·Σg·x̂·inv². */
const givenBatch: BatchMode = (node, { b }, scaled, wide) => {
  const inv = lazy(() => inverseDeviation(b, wide(node.input(4)), epsilon(node)))
  const normalized = lazy(() => b.mul(b.sub(node.input(0), wide(node.input(3))), inv()))
  const dx = lazy(() => b.mul(scaled(), inv()))
  return {
    dx,
    normalized,
    statistics: [
      (sum) => b.neg(sum(dx())),
      (sum) => sum(b.mul(b.mul(dx(), normalized()), b.scale(inv(), -0.5))),
    ],
  }
}

/**
 * The batch's own statistics: dx as of LayerNormalization, and through the running ones, of which a share 1 − momentum
 * is new, (1 − momentum)·(drunning_mean + 2(x − mean)·drunning_var) / n.
 */
const trainedBatch: BatchMode = (node, g, scaled, wide) => {
  const { b, dy } = g
  const x = node.input(0)
  const axes = allButChannels(shapeOf(node, x).length)
  const momentum = node.float('momentum', 0.9)
  const centred = lazy(() => b.sub(x, mean(b, x, axes)))
  const inv = lazy(() => inverseDeviation(b, mean(b, square(b, centred()), axes), epsilon(node)))
  const normalized = lazy(() => b.mul(centred(), inv()))
  const share = (d: Value) =>
    divideByCount(
      b,
      b.scale(wide(d), 1 - momentum),
      axes.map((a) => shapeOf(node, x)[a]!),
    )
  const dx = () => {
    const terms = [centredGradient(b, scaled(), normalized(), inv(), axes)]
    if (node.outputs[1] && g.has(1)) terms.push(share(dy(1)))
    if (node.outputs[2] && g.has(2)) terms.push(b.mul(b.scale(centred(), 2), share(dy(2))))
    return terms.reduce((sum, term) => b.add(sum, term))
  }
  const kept = [1, 2].map((i) => () => b.scale(dy(i), momentum))
  return { dx, normalized, statistics: kept }
}

/** 1 / √(variance + ε). */
function inverseDeviation(b: Builder, variance: Value, epsilon: number): Value {
  return b.emit('Reciprocal', [b.emit('Sqrt', [plus(b, variance, epsilon)])])
}

function evaluateBatch(node: Node, inputs: readonly (NdArray | undefined)[]): NdArray[] {
  const [x, scale, bias, givenMean, givenVariance] = inputs.map((v) => v!) as [NdArray, ...NdArray[]]
  const wide = (v: NdArray) => reshape(v, [v.shape[0]!, ...x.shape.slice(2).map(() => 1)])
  const axes = allButChannels(x.shape.length)
  const average = (v: NdArray) =>
    reduce(v, axes, false, (line) => line.reduce((a, c) => a + c, 0) / line.length)
  const center = isTraining(node) ? average(x) : givenMean!
  const centred = zip([x, wide(center)], (v, m) => v - m)
  const variance = isTraining(node) ? average(map(centred, (v) => v * v)) : givenVariance!
  const normalized = zip([centred, wide(variance)], (v, s) => v / Math.sqrt(s + epsilon(node)))
  const y = zip([normalized, wide(scale!), wide(bias!)], (v, s, c) => v * s + c!)
  const momentum = node.float('momentum', 0.9)
  const running = (old: NdArray, now: NdArray) => zip([old, now], (o, n) => o * momentum + n * (1 - momentum))
  return isTraining(node) ? [y, running(givenMean!, center), running(givenVariance!, variance)] : [y]
}

/** x̂ over groups of channels as [N, groups, rest], scale and bias a channel. */
function groupedGradient(node: Node, { b, dy }: GradContext, groups: Expr): ReturnType<GradRule> {
  const [x, scale] = [node.input(0), node.input(1)]
  const shape = shapeOf(node, x)
  const rest = elementCount(shape.slice(1)).div(groups)
  const grouped = (v: Value) => b.reshape(v, [shape[0]!, groups, rest])
  const centred = lazy(() => b.sub(grouped(x), mean(b, grouped(x), [2])))
  const inv = lazy(() => inverseDeviation(b, mean(b, square(b, centred()), [2]), epsilon(node)))
  const normalized = lazy(() => b.mul(centred(), inv()))
  const overChannels = (v: Value) => b.sum(v, allButChannels(shape.length), false)
  return [
    () => {
      const scaled = b.mul(dy(), alongChannels(b, scale, shape.length))
      return b.reshape(centredGradient(b, grouped(scaled), normalized(), inv(), [2]), shape)
    },
    () => overChannels(b.mul(dy(), b.reshape(normalized(), shape))),
    () => overChannels(dy()),
  ]
}

function evaluateGrouped(node: Node, x: NdArray, scale: NdArray, bias: NdArray, groups: number): NdArray {
  const rows = reshape(x, [x.shape[0]!, groups, x.data.length / (x.shape[0]! * groups)])
  const normalized = reshape(normalize(rows, [2], epsilon(node), true).y, x.shape)
  const wide = (v: NdArray) => reshape(v, [v.shape[0]!, ...x.shape.slice(2).map(() => 1)])
  return zip([normalized, wide(scale), wide(bias)], (v, s, c) => v * s + c!)
}

function varianceAxes(node: Node, rank: number): number[] {
  return (node.ints('axes') ?? [0, 2, 3]).map((axis) => normalizeAxis(node, axis, rank))
}

function evaluateVariance(node: Node, x: NdArray): NdArray {
  const axes = varianceAxes(node, x.shape.length)
  const average = (v: NdArray) =>
    reduce(v, axes, true, (line) => line.reduce((a, c) => a + c, 0) / line.length)
  const centred = zip([x, average(x)], (v, m) => v - m)
  const variance = average(map(centred, (v) => v * v))
  return zip([centred, variance], (v, s) => v / (Math.sqrt(s) + VARIANCE_EPSILON))
}

function lpGradient(node: Node, { b, dy }: GradContext): ReturnType<GradRule> {
  const [x, y] = [node.input(0), node.output()]
  const [axis, p] = [node.int('axis', -1), node.int('p', 2)]
  return [
    () => {
      const norm = b.emit(p === 1 ? 'ReduceL1' : 'ReduceL2', [x, b.ints([axis])])
      const along = b.mul(p === 1 ? b.emit('Sign', [x]) : y, b.sum(b.mul(dy(), y), [axis], true))
      const isZero = compare(b, 'Equal', norm, 0)
      return where(
        b,
        isZero,
        b.scalarLike(x, 0),
        b.div(b.sub(dy(), along), where(b, isZero, b.scalarLike(x, 1), norm)),
      )
    },
  ]
}

function evaluateLp(node: Node, x: NdArray): NdArray {
  const p = node.int('p', 2)
  return mapLines(x, normalizeAxis(node, node.int('axis', -1), x.shape.length), (line) => {
    const norm = line.reduce((sum, v) => sum + Math.abs(v) ** p, 0) ** (1 / p)
    return line.map((v) => (norm === 0 ? 0 : v / norm))
  })
}

function response(node: Node) {
  const size = node.int('size', 1)
  const [alpha, beta, bias] = [node.float('alpha', 0.0001), node.float('beta', 0.75), node.float('bias', 1)]
  return {
    before: Math.floor((size - 1) / 2),
    after: Math.ceil((size - 1) / 2),
    ratio: alpha / size,
    beta,
    bias,
  }
}

/** Sums over neighbouring channels as a product with a banded matrix of ones; backward sums go the other way. */
function neighbourSums(node: Node, b: Builder, x: Value, backward: boolean): Value {
  const shape = shapeOf(node, x)
  const channels = shape[1]!.constant
  if (channels === undefined) throw invalid(node, 'a static number of channels', String(shape[1]))
  const [before, after] = [response(node).before, response(node).after]
  const reach = backward ? [after, before] : [before, after]
  const band = Array.from({ length: channels ** 2 }, (_, at) => {
    const distance = (at % channels) - Math.floor(at / channels)
    return -reach[0]! <= distance && distance <= reach[1]! ? 1 : 0
  })
  const matrix = b.constant(x.type!.dtype, [channels, channels], band)
  const rows: Shape = [shape[0]!, shape[1]!, elementCount(shape.slice(2))]
  return b.reshape(b.matmul(matrix, b.reshape(x, rows)), shape)
}

function lrnGradient(node: Node, { b, dy }: GradContext): ReturnType<GradRule> {
  const [x, y] = [node.input(0), node.output()]
  const { ratio, beta, bias } = response(node)
  return [
    () => {
      const base = plus(b, b.scale(neighbourSums(node, b, square(b, x), false), ratio), bias)
      const direct = b.mul(dy(), b.emit('Pow', [base, b.scalarLike(x, -beta)]))
      const through = neighbourSums(node, b, b.div(b.mul(dy(), y), base), true)
      return b.sub(direct, b.mul(b.scale(x, 2 * ratio * beta), through))
    },
  ]
}

function evaluateLrn(node: Node, x: NdArray): NdArray {
  const { before, after, ratio, beta, bias } = response(node)
  return mapLines(x, 1, (line) =>
    line.map((v, c) => {
      const near = line.slice(Math.max(c - before, 0), c + after + 1)
      return v * (bias + ratio * near.reduce((sum, n) => sum + n * n, 0)) ** -beta
    }),
  )
}
