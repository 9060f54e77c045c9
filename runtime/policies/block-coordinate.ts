import { blocksOf, keepOnly, PERIOD, targetRate, type MaskPolicy } from './policy.js'

/**
 * Block-coordinate descent (Luo et al., *BAdam*, 2024): blocks take turns in an order that is shuffled once, a share
 * 1 − rate of them at a time and one at least, each turn for `period` steps. All train equally often. Unlike there, where the
 * gradient passes through frozen blocks, it passes those that are not on by their skip connections alone.
 */
export const blockCoordinate: MaskPolicy = (request) => {
  const { sites, step, options, stream, trains } = request
  const blocks = blocksOf(sites).filter((block) => trains(keepOnly(sites, [block])))
  if (blocks.length === 0) return sites.map(() => true)
  const order = stream(0).permutation(blocks.length)
  const turn = Math.floor(step / (options.period ?? PERIOD))
  const active = Math.min(blocks.length, Math.max(1, (1 - targetRate(request)) * blocks.length))
  const chosen: number[][] = []
  for (let i = Math.floor(turn * active); i < Math.floor((turn + 1) * active); i++)
    chosen.push(blocks[order[i % blocks.length]!]!)
  return keepOnly(sites, chosen)
}
