/** Losses from a model's output, in float64 and without any of the compiler's code. */
import type { Manifest } from '../../manifest.js'

/** A tensor as numbers. */
export interface Numbers {
  shape: readonly number[]
  data: ArrayLike<number>
}

/** The loss that training on `output` with `labels` should have. */
export function referenceLoss(
  { kind, labels, labelSmoothing = 0 }: Manifest['loss'],
  output: Numbers,
  given: Numbers | null,
): number {
  if (kind === 'output' || !given) return output.data[0]!
  if (kind === 'mse') return mean(given, (y, i) => (output.data[i]! - y) ** 2)
  if (kind === 'bce') return mean(given, (y, i) => softplus(output.data[i]!) - y * output.data[i]!)
  return crossEntropy(output, given, labels?.ignoreIndex, kind === 'causal-lm', labelSmoothing)
}

/**
 * Mean of −log softmax(x)[label] over the labels that count, mixed with the mean over all classes by the share `smoothing`;
 * shifted, position t is compared with label t + 1.
 */
function crossEntropy(
  x: Numbers,
  labels: Numbers,
  ignoreIndex: number | undefined,
  shifted: boolean,
  smoothing: number,
): number {
  const classes = x.shape.at(-1)!
  const length = labels.shape.at(-1)!
  const rows = x.shape.slice(0, -1).reduce((n, d) => n * d, 1)
  let [total, counted] = [0, 0]
  for (let row = 0; row < rows; row++) {
    if (shifted && row % length === length - 1) continue
    const label = labels.data[shifted ? row + 1 : row]!
    if (label === ignoreIndex) continue
    const target =
      (1 - smoothing) * x.data[row * classes + label]! + smoothing * average(x.data, row * classes, classes)
    total += logSumExp(x.data, row * classes, classes) - target
    counted++
  }
  return total / counted
}

function logSumExp(data: ArrayLike<number>, start: number, length: number): number {
  let top = -Infinity
  for (let i = 0; i < length; i++) top = Math.max(top, data[start + i]!)
  let sum = 0
  for (let i = 0; i < length; i++) sum += Math.exp(data[start + i]! - top)
  return top + Math.log(sum)
}

function average(data: ArrayLike<number>, start: number, length: number): number {
  let sum = 0
  for (let i = 0; i < length; i++) sum += data[start + i]!
  return sum / length
}

function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))
}

function mean(targets: Numbers, term: (y: number, i: number) => number): number {
  let total = 0
  for (let i = 0; i < targets.data.length; i++) total += term(targets.data[i]!, i)
  return total / targets.data.length
}
