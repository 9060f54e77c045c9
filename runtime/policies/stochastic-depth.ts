import { depthRates } from '../dropbp/rates.js'
import { bernoulli } from './bernoulli.js'
import { depthsOf, targetRate, type MaskPolicy } from './policy.js'

/** No site is dropped more often than this, so that none starves. */
const HIGHEST = 0.9

/**
 * The linear decay rule of stochastic depth (Huang et al., 2016), for the backward: independent draws with rates that grow
 * linearly from block to block, scaled so that the expected FLOPs meet the target.
 */
export const stochasticDepth: MaskPolicy = (request) => {
  const { sites, flops } = request
  const depth = depthsOf(sites)
  const target = targetRate(request)
  const maxRate = Math.max(HIGHEST, target)
  return bernoulli({ ...request, rates: depthRates({ depth, flops, target, minRate: 0, maxRate }) })
}
