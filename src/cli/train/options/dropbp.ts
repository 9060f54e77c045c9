/** Which branches skip their backward. */
import { RATE_KINDS } from '../../../../runtime/dropbp/allocation.js'
import { POLICIES } from '../../../../runtime/policies/index.js'
import { MASK_PER } from '../../../../runtime/training/choices.js'
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
    choices: RATE_KINDS,
    default: 'uniform',
    describe: 'how it is divided among branches',
  },
  ratesAt: {
    rare: true,
    type: 'numbers',
    describe: 'when: shares of the training below 1, or steps, as in 0.1,0.5',
  },
  minRate: { rare: true, type: 'number', default: 0, describe: 'least rate of a branch' },
  maxRate: { rare: true, type: 'number', default: 0.9, describe: 'highest rate of a branch' },
  dropWarmup: {
    rare: true,
    type: 'number',
    min: 0,
    default: 0,
    describe: 'steps, or a share below 1, of rising drop rates',
  },
  policy: {
    type: 'string',
    file: { except: Object.keys(POLICIES) },
    default: 'budget',
    describe: `how masks are drawn: ${Object.keys(POLICIES).join(', ')}; or a JavaScript file whose default export draws them`,
  },
  period: {
    rare: true,
    type: 'number',
    min: 1,
    integer: true,
    default: 20,
    describe: 'steps for which lisa and block-coordinate hold their blocks',
  },
  frozenSites: { rare: true, type: 'list', describe: 'branches that freeze drops, as globs; repeatable' },
  unbiased: {
    rare: true,
    type: 'boolean',
    describe: 'kept branches make up for dropped ones; needs dropbp-compile --unbiased',
  },
  maskPer: {
    rare: true,
    type: 'string',
    choices: MASK_PER,
    default: 'micro-batch',
    describe: 'what a mask is drawn for',
  },
} as const satisfies OptionTable
