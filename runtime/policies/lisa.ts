import { exactBudget } from './budget.js'
import { blocksOf, keepOnly, PERIOD, targetRate, type MaskPolicy } from './policy.js'

/**
 * Layer-wise importance sampling (Pan et al., *LISA*, 2024): every `period` steps whole blocks are drawn anew, and only they
 * train meanwhile. A block is kept with probability 1 − its mean rate, and every draw meets the budget within one block.
 * What lies in no branch (embeddings, the head) always trains, as in LISA. Unlike LISA, which freezes the parameters of a
 * block that is not drawn and lets the gradient through it, this drops the block's branches from the backward: the gradient
 * passes through the skip connections alone, so that blocks below get another gradient, and more is saved.
 */
export const lisa: MaskPolicy = (request) => {
  const { sites, rates, flops, step, options, stream } = request
  const blocks = blocksOf(sites)
  const random = stream(Math.floor(step / (options.period ?? PERIOD)))
  const of = (values: readonly number[], block: readonly number[]): number[] => block.map((i) => values[i]!)
  const byBlock = {
    rates: blocks.map((block) => targetRate({ rates: of(rates, block), flops: of(flops, block) })),
    flops: blocks.map((block) => of(flops, block).reduce((a, b) => a + b, 0)),
  }
  let mask: boolean[] = []
  // Drawn again from the same generator where the whole period would train nothing.
  for (let i = 0; i < MAX_REDRAWS && !(i > 0 && request.trains(mask)); i++) {
    const kept = exactBudget({ ...request, ...byBlock, random })
    mask = keepOnly(
      sites,
      blocks.filter((_, block) => kept[block]),
    )
  }
  return mask
}

const MAX_REDRAWS = 1000
