/** How the weights change. */
import { DECAYED } from '../../../../runtime/training/choices.js'
import { SCHEDULES } from '../../../../runtime/schedules/index.js'
import type { OptionTable } from './option.js'

export const optimisation = {
  steps: { type: 'number', alias: 'n', min: 1, integer: true, describe: 'optimizer steps' },
  epochs: {
    type: 'number',
    above: 0,
    default: 1,
    describe: 'passes over the data, where no steps are given',
  },
  accumulate: { type: 'number', min: 1, integer: true, default: 1, describe: 'micro-batches of a step' },
  learningRate: { type: 'number', alias: 'lr', min: 0, describe: 'highest learning rate' },
  schedule: { type: 'string', choices: SCHEDULES, default: 'cosine', describe: 'how the rate falls' },
  warmup: {
    type: 'number',
    min: 0,
    default: 0.05,
    describe: 'steps, or a share below 1, of rising rate',
  },
  weightDecay: { type: 'number', min: 0, describe: 'weight decay' },
  decayed: {
    rare: true,
    type: 'string',
    choices: DECAYED,
    describe: 'what decays: matrices, so neither biases nor norms, or all [matrices]',
  },
  lrScale: {
    rare: true,
    type: 'list',
    describe: 'factor of the rate for some parameters, as in lm_head=0.1; repeatable',
  },
  clip: { type: 'number', min: 0, default: 1, describe: 'bound of the gradient norm; 0 for none' },
  seed: { type: 'number', min: 0, integer: true, default: 0, describe: 'of data order and masks' },
} as const satisfies OptionTable
