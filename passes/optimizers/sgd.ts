/** torch.optim.SGD: momentum without dampening, weight decay added to the gradient. */
import type { OptimizerRule } from './rule.js'

/**
 * With s the gradient scale:
 *   buf' = μ·buf + (s·g + λ·p)
 *   p'   = p − lr·buf'
 */
export const sgd: OptimizerRule = {
  elementwise: true,
  hyperparameters: { learning_rate: 1e-3, momentum: 0.9, weight_decay: 0, gradient_scale: 1 },
  state: [{ name: 'momentum_buffer', scalar: false }],

  prepare(b, hyperparameter, dtype) {
    const [rate, momentum, decay, scale] = [
      'learning_rate',
      'momentum',
      'weight_decay',
      'gradient_scale',
    ].map((name) => b.cast(hyperparameter(name), dtype))
    return (b, p, g, [buffer], own) => {
      const decayed = b.add(b.mul(g, scale!), b.mul(p, own(decay!)))
      const next = b.add(b.mul(buffer!, momentum!), decayed)
      return [b.sub(p, b.mul(next, own(rate!))), next]
    }
  },
}
