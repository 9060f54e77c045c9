/** torch.optim.Adafactor: second moments of matrices as the product of a column and a row (Shazeer and Stern, 2018). */
import type { Builder } from '../../src/builder.js'
import type { Value } from '../../src/ir.js'
import type { OptimizerRule } from './rule.js'

/**
 * With g the scaled gradient, t the parameter's own step count, RMS(x) the root of the mean of squares:
 *   ω  = t^(beta2_decay)
 *   r' = r + ω·(mean over columns of g² − r),  c' = c + ω·(mean over rows of g² − c)
 *   v  = r'·c' / max(mean(r'), ε)   for matrices;  v = v + ω·(g² − v)   for vectors
 *   u  = g / √max(v, ε²)
 *   p' = (1 − lr·λ)·p − max(minimum_scale, RMS(p))·min(lr, 1/√t) · u / max(1, RMS(u)/threshold)
 */
export const adafactor: OptimizerRule = {
  elementwise: false,
  hyperparameters: {
    learning_rate: 1e-2,
    beta2_decay: -0.8,
    epsilon: 2 ** -23,
    minimum_scale: 1e-3,
    threshold: 1,
    weight_decay: 0,
    gradient_scale: 1,
  },
  state: [
    { name: 'row', scalar: false, reduced: -1 },
    { name: 'column', scalar: false, reduced: -2 },
    { name: 'step', scalar: true },
  ],

  prepare(b, hyperparameter, dtype) {
    const narrow = (name: string): Value => b.cast(hyperparameter(name), dtype)
    const one = b.scalar(dtype, 1)
    const [rate, epsilon, threshold, least, scale, exponent] = [
      'learning_rate',
      'epsilon',
      'threshold',
      'minimum_scale',
      'gradient_scale',
      'beta2_decay',
    ].map(narrow) as [Value, Value, Value, Value, Value, Value]
    const wide = (name: string): Value => b.cast(hyperparameter(name), 'float64')
    const decayed = b.sub(b.scalar('float64', 1), b.mul(wide('learning_rate'), wide('weight_decay')))
    const decay = b.cast(decayed, dtype)
    const floor = b.mul(epsilon, epsilon)

    return (b, p, raw, [row, column, step], own) => {
      const g = b.mul(raw, scale)
      const t = b.add(step!, one)
      const weight = b.emit('Pow', [t, exponent])
      const blend = (old: Value, sample: Value): Value => b.add(old, b.mul(b.sub(sample, old), weight))
      const squared = b.mul(g, g)
      const mean = (x: Value, axis: number): Value => b.emit('ReduceMean', [x, b.ints([axis])])
      const factored = p.type!.shape!.length > 1
      const nextRow = factored ? blend(row!, mean(squared, -1)) : b.emit('Identity', [row!])
      const nextColumn = blend(column!, factored ? mean(squared, -2) : squared)
      const estimate = factored
        ? b.div(b.mul(nextRow, nextColumn), b.emit('Max', [mean(nextRow, -2), epsilon]))
        : nextColumn
      const update = b.div(g, b.emit('Sqrt', [b.emit('Max', [estimate, floor])]))
      const size = b.emit('Max', [rootMeanSquare(b, p), least])
      const length = b.emit('Max', [b.div(rootMeanSquare(b, update), threshold), one])
      const reach = b.emit('Min', [own(rate), b.emit('Reciprocal', [b.emit('Sqrt', [t])])])
      const factor = b.div(b.mul(size, reach), length)
      return [b.sub(b.mul(p, own(decay)), b.mul(update, factor)), nextRow, nextColumn, t]
    }
  },
}

/** A scalar. */
function rootMeanSquare(b: Builder, x: Value): Value {
  return b.emit('Sqrt', [b.emit('ReduceMean', [b.mul(x, x)], { keepdims: 0 })])
}
