import { bernoulli } from './bernoulli.js'
import type { MaskPolicy } from './policy.js'

/**
 * The authors' library: independent draws, then sites of the highest rate are dropped besides, in their order, until as many
 * are as the rates add up to. It only ever adds, so that more is dropped on average than asked for (0.526 for 0.5 of 24
 * sites), and counts sites where rates count FLOPs. Here for comparison; `budget` has neither fault.
 */
export const official: MaskPolicy = (request) => {
  const { rates } = request
  const mask = bernoulli(request)
  let missing = Math.round(rates.reduce((sum, rate) => sum + rate, 0)) - mask.filter((kept) => !kept).length
  const byRate = [...rates.keys()].sort((a, b) => rates[b]! - rates[a]! || a - b)
  for (const site of byRate) {
    if (missing <= 0) break
    if (!mask[site]) continue
    mask[site] = false
    missing--
  }
  return mask
}
