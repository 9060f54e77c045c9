/** The policies by the names that the command line knows. A new one is a file beside this and a line in the table. */
import { bernoulli } from './bernoulli.js'
import { blockCoordinate } from './block-coordinate.js'
import { exactBudget } from './budget.js'
import { freeze } from './freeze.js'
import { lisa } from './lisa.js'
import { official } from './official.js'
import type { MaskPolicy } from './policy.js'
import { stochasticDepth } from './stochastic-depth.js'

export const POLICIES = {
  budget: exactBudget,
  bernoulli,
  official,
  lisa,
  'block-coordinate': blockCoordinate,
  freeze,
  'stochastic-depth': stochasticDepth,
} satisfies Record<string, MaskPolicy>

/** Names of the built-in policies. */
export type PolicyName = keyof typeof POLICIES

export { bernoulli, blockCoordinate, exactBudget, freeze, lisa, official, stochasticDepth }
export type { DrawRequest, MaskPolicy, PolicyOptions } from './policy.js'
