/** One AdamW step in float64. */

/** Hyperparameters by the names of the optimizer's inputs. */
export interface AdamWSettings {
  readonly learning_rate: number
  readonly beta1: number
  readonly beta2: number
  readonly epsilon: number
  readonly weight_decay: number
  readonly gradient_scale: number
}

/**
 * p' = (1 − lr·λ)·p − lr·m̂/(√v̂ + ε) with m̂ = m'/(1 − β1ᵗ), v̂ = v'/(1 − β2ᵗ), t = step + 1.
 * @returns p', m', v', or what was given where the gradient is empty
 */
export function adamwStep(
  p: readonly number[],
  g: readonly number[],
  m: readonly number[],
  v: readonly number[],
  step: number,
  s: AdamWSettings,
): [number[], number[], number[]] {
  if (g.length === 0) return [[...p], [...m], [...v]]
  const scaled = g.map((x) => x * s.gradient_scale)
  const m2 = m.map((x, i) => s.beta1 * x + (1 - s.beta1) * scaled[i]!)
  const v2 = v.map((x, i) => s.beta2 * x + (1 - s.beta2) * scaled[i]! ** 2)
  const [c1, c2] = [1 - s.beta1 ** (step + 1), 1 - s.beta2 ** (step + 1)]
  const next = p.map((x, i) => {
    const move = m2[i]! / c1 / (Math.sqrt(v2[i]! / c2) + s.epsilon)
    return x * (1 - s.learning_rate * s.weight_decay) - s.learning_rate * move
  })
  return [next, m2, v2]
}
