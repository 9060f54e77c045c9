/** Which branches skip their backward. */
import { POLICIES, type PolicyName } from '../../../../runtime/policies/index.js'
import type { OptionTable } from './option.js'

export const dropbp = {
  dropRate: {
    type: 'number',
    alias: 'p',
    default: 0.5,
    describe: "share of the branches' backward FLOPs to drop",
  },
  rates: {
    type: 'string',
    choices: ['uniform', 'sensitivity'],
    default: 'uniform',
    describe: 'how it is divided among branches',
  },
  minRate: { type: 'number', default: 0, describe: 'least rate of a branch' },
  maxRate: { type: 'number', default: 0.9, describe: 'highest rate of a branch' },
  policy: {
    type: 'string',
    choices: Object.keys(POLICIES) as PolicyName[],
    default: 'budget',
    describe: 'exact budget a step, or independent draws',
  },
  sensitivityAt: {
    type: 'number',
    min: 0,
    below: 1,
    default: 0.1,
    describe: 'share of the steps before sensitivities are measured',
  },
} as const satisfies OptionTable
