/**
 * Losses over logits, each one operator, so that how a loss and its gradient are computed is decided in one place.
 * A row is one prediction; a row that does not count (its label is `ignore_index`) weighs nothing. The mean over no row
 * at all is 0 with zero gradients.
 */
import { float, type Builder } from '../builder.js'
import { Expr } from '../expr.js'
import type { Node, Value } from '../ir.js'
import type { NdArray, OpDef } from '../op.js'
import { elementCount, type DType, type Shape, type TensorType } from '../types.js'
import { DOMAIN } from './dropbp.js'
import { mapLines, nd, sizeOf, zip } from './support/nd.js'
import { shapeOf, typeOf } from './support/shapes.js'

export const CROSS_ENTROPY = `${DOMAIN}::CrossEntropy`
export const CROSS_ENTROPY_GRAD = `${DOMAIN}::CrossEntropyGrad`
export const ROW_SCALE = `${DOMAIN}::RowScale`
const BINARY_CROSS_ENTROPY = `${DOMAIN}::BinaryCrossEntropy`

/** Label of a row that does not count, unless `ignore_index` says otherwise. */
export const IGNORE_INDEX = -100

/** Definitions of the losses. */
export const crossEntropy = {
  /**
   * loss = −Σ w_r·((1−ε)·log p_r[label_r] + ε·mean_c log p_r[c]), p = softmax(logits), w_r = 1/count where row r counts, else
   * 0; ε is `label_smoothing`, as PyTorch's.
   * Inputs: logits [..., classes], labels int64 [...]. With `shift`, the label of a position is the next one's: labels are
   * shifted, not logits, so that no copy of the logits is made. Outputs: loss, log-probabilities [rows, classes].
   * dlogits = dloss·w·(p − (1−ε)·onehot(label) − ε/classes)
   */
  [CROSS_ENTROPY]: {
    infer: (node) => {
      const type = lossType(node)
      return [{ type }, { type: { dtype: type.dtype, shape: matrixShape(node) } }]
    },
    grad: (node, { b, dy, saved }) => [
      () => {
        const logits = node.input(0)
        const dtype = lossDType(node)
        const log = saved(1, { dtype, shape: matrixShape(node) })
        const [g, w] = emitOwn(b, 'CrossEntropyGrad', [log, node.input(1)], labelAttributes(node), 2)
        const [scaled] = emitOwn(b, 'RowScale', [g!, b.mul(w!, dy())])
        return b.cast(b.reshape(scaled!, shapeOf(node, logits)), logits.type!.dtype)
      },
      null,
    ],
    evaluate: (node, [logits, labels]) => {
      const log = logSoftmax(logits!)
      const { label, weight } = evaluateLabels(node, labels!)
      const classes = log.shape[1]!
      const loss = label.reduce(
        (sum, c, r) =>
          weight[r] ? sum - weight[r] * likelihood(node, log.data, r * classes, classes, c) : sum,
        0,
      )
      return [nd(lossDType(node), [], [loss]), { ...log, dtype: lossDType(node) }]
    },
    lower: lowerCrossEntropy,
  },
  /**
   * g = exp(log) − (1−ε)·onehot(label) − ε/classes, w_r = 1/count where row r counts, else 0. Inputs: log-probabilities [rows, classes],
   * labels as they came. Outputs: g [rows, classes], w [rows, 1].
   */
  [CROSS_ENTROPY_GRAD]: {
    infer: (node) => {
      const type = typeOf(node.input(0))
      return [{ type }, { type: { dtype: type.dtype, shape: type.shape && [type.shape[0]!, Expr.one] } }]
    },
    grad: 'none',
    evaluate: (node, [log, labels]) => {
      const { label, weight } = evaluateLabels(node, labels!)
      const classes = log!.shape[1]!
      const epsilon = smoothing(node)
      const g = log!.data.map((x) => Math.exp(x) - epsilon / classes)
      label.forEach((c, r) => (g[r * classes + c]! -= 1 - epsilon))
      return [{ ...log!, data: g }, nd(log!.dtype, [label.length, 1], weight)]
    },
    lower: lowerCrossEntropyGrad,
  },
  /** y = x·s with one factor a row. Inputs: x [rows, columns], s [rows, 1]. Products with y can take s over. */
  [ROW_SCALE]: {
    infer: (node) => [{ type: typeOf(node.input(0)) }],
    grad: 'none',
    evaluate: (_node, [x, s]) => [zip([x!, s!], (a, c) => a * c)],
    lower: (node, b) => [b.mul(node.input(0), node.input(1))],
  },
  /** loss = mean(max(x, 0) − x·t + log(1 + e^−|x|)), dx = dloss·(σ(x) − t)/n. Inputs: logits x, targets t of x's shape. */
  [BINARY_CROSS_ENTROPY]: {
    infer: (node) => [{ type: lossType(node) }],
    grad: (node, { b, dy }) => [
      () => {
        const x = node.input(0)
        const error = b.sub(b.emit('Sigmoid', [widened(node, b, x)]), widened(node, b, node.input(1)))
        const n = b.cast(b.reshape(b.dim(elementCount(shapeOf(node, x))), []), lossDType(node))
        return b.cast(b.mul(error, b.div(dy(), n)), x.type!.dtype)
      },
      null,
    ],
    evaluate: (node, [x, t]) => {
      const each = zip([x!, t!], (v, y) => Math.max(v, 0) - v * y + Math.log1p(Math.exp(-Math.abs(v)))).data
      return [nd(lossDType(node), [], [each.reduce((a, c) => a + c, 0) / each.length])]
    },
    lower: lowerBinaryCrossEntropy,
  },
} satisfies Record<string, OpDef>

function emitOwn(
  b: Builder,
  op: string,
  inputs: readonly (Value | null)[],
  attributes = {},
  outputs = 1,
): Value[] {
  return b.emitAll(op, inputs, attributes, { domain: DOMAIN, name: op.toLowerCase(), outputs })
}

function labelAttributes(node: Node) {
  const epsilon = smoothing(node)
  const labels = { shift: node.int('shift', 0), ignore_index: node.int('ignore_index', IGNORE_INDEX) }
  return epsilon === 0 ? labels : { ...labels, label_smoothing: float(epsilon) }
}

function smoothing(node: Node): number {
  return node.float('label_smoothing', 0)
}

/** (1−ε)·log p[label] + ε·mean_c log p[c] of the row that starts at `start`. */
function likelihood(node: Node, log: Float64Array, start: number, classes: number, label: number): number {
  const epsilon = smoothing(node)
  const own = (1 - epsilon) * log[start + label]!
  if (epsilon === 0) return own
  return own + (epsilon * log.subarray(start, start + classes).reduce((a, b) => a + b, 0)) / classes
}

/** A loss is computed in float32 at least. */
function lossDType(node: Node): DType {
  return typeOf(node.input(0)).dtype === 'float64' ? 'float64' : 'float32'
}

function lossType(node: Node): TensorType {
  return { dtype: lossDType(node), shape: [] }
}

function widened(node: Node, b: Builder, x: Value): Value {
  return b.cast(x, lossDType(node))
}

/** [rows, classes] of logits [..., classes]. */
function matrixShape(node: Node): Shape {
  const shape = shapeOf(node, node.input(0))
  return [elementCount(shape.slice(0, -1)), shape.at(-1)!]
}

function lowerCrossEntropy(node: Node, b: Builder): Value[] {
  const logits = b.reshape(widened(node, b, node.input(0)), matrixShape(node))
  const log = b.emit('LogSoftmax', [logits], { axis: -1 }, { name: 'log_probabilities' })
  logits.described = log.described = true
  const { index, counted, weight } = lowerLabels(node, b, log)
  const picked = smoothed(node, b, log, b.emit('GatherElements', [log, index], { axis: 1 }))
  // Not a product with the weight: what does not count may be infinite.
  const likelihood = b.emit('Where', [counted, picked, b.scalarLike(log, 0)])
  const loss = b.neg(b.emit('ReduceSum', [b.mul(likelihood, weight)], { keepdims: 0 }, { name: 'loss' }))
  return [loss, log]
}

/** Mixes the likelihood of the label with the mean over classes: (1−ε)·picked + ε·mean_c log. */
function smoothed(node: Node, b: Builder, log: Value, picked: Value): Value {
  const epsilon = smoothing(node)
  if (epsilon === 0) return picked
  const mean = b.emit('ReduceMean', [log, b.ints([1])])
  return b.add(b.mul(picked, b.scalarLike(log, 1 - epsilon)), b.mul(mean, b.scalarLike(log, epsilon)))
}

/**
 * One buffer of [rows, classes] for everything: stock ONNX Runtime computes ScatterElements and Softmax in place where it
 * knows the dimensions, Exp it does not, and Softmax(log p) = p. The first ScatterElements writes what is there already; it makes the gather of the loss
 * the earlier reader of the log-probabilities, without which nothing could be in place.
 */
function lowerCrossEntropyGrad(node: Node, b: Builder): Value[] {
  const log = node.input(0)
  const { index, weight } = lowerLabels(node, b, log)
  const picked = b.emit('GatherElements', [log, index], { axis: 1 })
  const same = b.emit('ScatterElements', [log, index, picked], { axis: 1 })
  const softmax = b.emit('Softmax', [same], { axis: -1 })
  const epsilon = smoothing(node)
  const own = b.full({ dtype: log.type!.dtype, shape: weight.type!.shape! }, epsilon - 1)
  const g = b.emit('ScatterElements', [softmax, index, own], { axis: 1, reduction: 'add' })
  if (epsilon === 0) return [g, weight]
  const classes = b.cast(b.dim(log.type!.shape![1]!), log.type!.dtype)
  return [b.sub(g, b.div(b.scalarLike(log, epsilon), classes)), weight]
}

/** Past any number of classes: an invalid negative label must not count from the end, as negative indices do. */
const OUT_OF_RANGE = 2 ** 31 - 1

/** Labels as [rows, 1]: a valid index each, whether it counts, and its weight in the mean. */
function lowerLabels(node: Node, b: Builder, log: Value) {
  const { shift, ignore_index: ignore } = labelAttributes(node)
  const rows = log.type!.shape![0]!
  const shifted = shift ? nextLabels(node, b, ignore) : node.input(1)
  const label = b.reshape(b.cast(shifted, 'int64'), [rows, Expr.one])
  const counted = b.emit('Not', [b.emit('Equal', [label, b.scalar('int64', ignore)])])
  const isNegative = b.emit('Less', [label, b.scalar('int64', 0)])
  const checked = b.emit('Where', [isNegative, b.scalar('int64', OUT_OF_RANGE), label])
  const index = b.emit('Where', [counted, checked, b.scalar('int64', 0)])
  const ones = b.cast(counted, log.type!.dtype)
  const count = b.emit('ReduceSum', [ones], { keepdims: 0 })
  const weight = b.div(ones, b.emit('Max', [count, b.scalarLike(log, 1)]))
  return { index, counted, weight }
}

/** labels[:, 1:] and a last column that does not count. */
export function nextLabels(node: Node, b: Builder, ignore: number): Value {
  const labels = node.input(1)
  const [batch] = shapeOf(node, labels)
  const rest = b.emit('Slice', [labels, b.ints([1]), b.ints([Number.MAX_SAFE_INTEGER]), b.ints([1])])
  const last = b.full({ dtype: labels.type!.dtype, shape: [batch!, Expr.one] }, ignore)
  return b.emit('Concat', [rest, last], { axis: 1 })
}

function lowerBinaryCrossEntropy(node: Node, b: Builder): Value[] {
  const [x, t] = [widened(node, b, node.input(0)), widened(node, b, node.input(1))]
  const tail = b.emit('Log', [b.add(b.emit('Exp', [b.neg(b.emit('Abs', [x]))]), b.scalarLike(x, 1))])
  const each = b.add(b.sub(b.emit('Relu', [x]), b.mul(x, t)), tail)
  return [b.emit('ReduceMean', [each], { keepdims: 0 }, { name: 'loss' })]
}

function logSoftmax(x: NdArray): NdArray {
  const classes = x.shape.at(-1)!
  const matrix = nd(x.dtype, [sizeOf(x.shape.slice(0, -1)), classes], x.data)
  return mapLines(matrix, 1, (line) => {
    const top = Math.max(...line)
    const total = Math.log(line.reduce((sum, v) => sum + Math.exp(v - top), 0)) + top
    return line.map((v) => v - total)
  })
}

/** For every row its label (0 where it does not count) and its weight. */
function evaluateLabels(node: Node, labels: NdArray): { label: number[]; weight: number[] } {
  const { shift, ignore_index: ignore } = labelAttributes(node)
  const length = labels.shape.at(-1)!
  const own = Array.from(labels.data, (c, i) => {
    if (!shift) return c
    return (i + 1) % length === 0 ? ignore : labels.data[i + 1]!
  })
  const count = Math.max(1, own.filter((c) => c !== ignore).length)
  return {
    label: own.map((c) => (c === ignore ? 0 : c)),
    weight: own.map((c) => (c === ignore ? 0 : 1 / count)),
  }
}
