/** torch.optim.AdamW: decoupled weight decay, bias-corrected moments. */
import type { Builder } from '../../src/builder.js'
import type { Value } from '../../src/ir.js'
import type { OptimizerRule } from './rule.js'

/**
 * With g the scaled gradient and t the parameter's own step count:
 *   m' = β1·m + (1−β1)·g
 *   v' = β2·v + (1−β2)·g²
 *   p' = (1 − lr·λ)·p − lr/(1−β1ᵗ) · m' / (√v'/√(1−β2ᵗ) + ε)
 * Whatever is scalar is folded first, in float64; 13 passes over memory remain.
 */
export const adamw: OptimizerRule = {
  elementwise: true,
  hyperparameters: {
    learning_rate: 5e-5,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    weight_decay: 0.01,
    gradient_scale: 1,
  },
  state: [
    { name: 'm', scalar: false },
    { name: 'v', scalar: false },
    { name: 'step', scalar: true },
  ],

  prepare(b, hyperparameter, dtype) {
    const wide = (name: string): Value => b.cast(hyperparameter(name), 'float64')
    const narrow = (x: Value): Value => b.cast(x, dtype)
    const one = b.scalar('float64', 1)
    const [rate, epsilon, scale] = [wide('learning_rate'), wide('epsilon'), wide('gradient_scale')]
    const [beta1, beta2] = [asWritten(b, wide('beta1')), asWritten(b, wide('beta2'))]
    const keep1 = narrow(beta1)
    const keep2 = narrow(beta2)
    const mix1 = narrow(b.mul(b.sub(one, beta1), scale))
    const mix2 = narrow(b.mul(b.sub(one, beta2), b.mul(scale, scale)))
    const decay = narrow(b.sub(one, b.mul(rate, wide('weight_decay'))))
    const next = b.scalar(dtype, 1)
    const [log1, log2] = [b.emit('Log', [beta1]), b.emit('Log', [beta2])]

    return (b, p, g, [m, v, step], own) => {
      const t = b.add(step!, next)
      const wideT = b.cast(t, 'float64')
      // 1 − βᵗ
      const correction = (log: Value): Value => b.sub(one, b.emit('Exp', [b.mul(log, wideT)]))
      // √v'/√c + ε = (√v' + ε√c)/√c, which leaves one scalar in the denominator and one outside
      const root = b.emit('Sqrt', [correction(log2)])
      const factor = b.cast(b.div(b.mul(own(rate), root), correction(log1)), dtype)
      const floor = b.cast(b.mul(epsilon, root), dtype)
      const m2 = b.add(b.mul(m!, keep1), b.mul(g, mix1))
      const v2 = b.add(b.mul(v!, keep2), b.mul(b.mul(g, mix2), g))
      const ratio = b.div(m2, b.add(b.emit('Sqrt', [v2]), floor))
      return [b.sub(b.mul(p, own(decay)), b.mul(ratio, factor)), m2, v2, t]
    }
  },
}

/**
 * The decimal that a float32 was written as, in float64, for up to seven digits after the point: as a float32, 0.999 leaves
 * 1 − β2 with a relative error of 1e-5.
 */
function asWritten(b: Builder, x: Value): Value {
  const digits = b.scalar('float64', 1e7)
  return b.div(b.emit('Round', [b.mul(x, digits)]), digits)
}
