/** Where it runs, and what becomes of it when it stops. */
import type { OptionTable } from './option.js'

export const running = {
  resume: {
    type: 'string',
    bare: true,
    transient: true,
    describe: 'go on from the latest or the given checkpoint',
  },
  force: { type: 'boolean', transient: true, describe: 'start anew over earlier checkpoints' },
  evaluateEvery: { type: 'number', min: 1, integer: true, describe: 'steps between validations' },
  saveEvery: { type: 'number', min: 1, integer: true, describe: 'steps between checkpoints' },
  keep: { type: 'number', min: 1, integer: true, default: 2, describe: 'checkpoints to keep' },
  provider: { type: 'string', transient: true, default: 'cpu', describe: 'execution provider' },
  threads: { type: 'number', transient: true, min: 1, integer: true, describe: 'threads of an operator' },
} as const satisfies OptionTable
