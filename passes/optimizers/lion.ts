/** Lion: the sign of a momentum (Chen et al., *Symbolic Discovery of Optimization Algorithms*, 2023). */
import type { OptimizerRule } from './rule.js'

/**
 * With g the scaled gradient:
 *   c  = β1·m + (1−β1)·g
 *   p' = (1 − lr·λ)·p − lr·sign(c)
 *   m' = β2·m + (1−β2)·g = β2/β1·c + (1 − β2/β1)·g, so that m is read once, before it is written; β1 must not be 0
 */
export const lion: OptimizerRule = {
  elementwise: true,
  hyperparameters: { learning_rate: 1e-4, beta1: 0.9, beta2: 0.99, weight_decay: 0, gradient_scale: 1 },
  state: [{ name: 'm', scalar: false }],

  prepare(b, hyperparameter, dtype) {
    const wide = (name: string) => b.cast(hyperparameter(name), 'float64')
    const one = b.scalar('float64', 1)
    const [rate, beta1, scale] = [wide('learning_rate'), wide('beta1'), wide('gradient_scale')]
    const ratio = b.div(wide('beta2'), beta1)
    // Not by way of float64: stock ONNX Runtime loses a cast there and back that an If reads.
    const narrow = (name: string) => b.cast(hyperparameter(name), dtype)
    const [keep, mix] = [narrow('beta1'), b.cast(b.mul(b.sub(one, beta1), scale), dtype)]
    const [next, fresh] = [b.cast(ratio, dtype), b.cast(b.mul(b.sub(one, ratio), scale), dtype)]
    const decay = b.cast(b.sub(one, b.mul(rate, wide('weight_decay'))), dtype)
    const step = narrow('learning_rate')

    return (b, p, g, [m], own) => {
      const c = b.add(b.mul(m!, keep), b.mul(g, mix))
      const moved = b.mul(b.emit('Sign', [c]), own(step))
      return [b.sub(b.mul(p, own(decay)), moved), b.add(b.mul(c, next), b.mul(g, fresh))]
    }
  },
}
