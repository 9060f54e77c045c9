import { targetRate, type MaskPolicy } from './policy.js'

/**
 * Static freezing: the same sites are dropped in every pass. They are the ones that `frozen` names; else the first ones in
 * execution order, as many as come nearest to the drop rate's share of FLOPs.
 */
export const freeze: MaskPolicy = (request) => {
  const { sites, flops, options } = request
  if (options.frozen) return sites.map((site) => !options.frozen!(site))
  const budget = targetRate(request) * flops.reduce((a, b) => a + b, 0)
  let dropped = 0
  return flops.map((f) => {
    const nearer = Math.abs(dropped + f - budget) <= Math.abs(dropped - budget)
    if (nearer && budget > 0) dropped += f
    else return true
    return false
  })
}
