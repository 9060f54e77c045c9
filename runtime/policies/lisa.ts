import { exactBudget } from './budget.js'
import { blocksOf, keepOnly, PERIOD, targetRate, type MaskPolicy } from './policy.js'

/**
 * Layer-wise importance sampling (Pan et al., *LISA*, 2024): every `period` steps whole blocks are drawn anew, and only they
 * train meanwhile. A block is kept with probability 1 − its mean rate, and every draw meets the budget within one block.
 * Unlike LISA, the gradient passes a block that is not drawn through its skip connection alone, as DropBP has it.
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
