import type { MaskPolicy } from './policy.js'

/** Sites are dropped independently, as in the paper; the FLOPs of a pass scatter around their expectation. */
export const bernoulli: MaskPolicy = ({ rates, random }) => rates.map((rate) => random.uniform() >= rate)
