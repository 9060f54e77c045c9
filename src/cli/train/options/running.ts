/** Where it runs, and what becomes of it when it stops. */
import { BACKENDS } from '../../../../runtime/backends.js'
import type { OptionTable } from './option.js'

export const running = {
  config: {
    type: 'string',
    alias: 'c',
    transient: true,
    describe: 'options from a YAML or JSON file; flags win',
  },
  resume: {
    type: 'string',
    bare: true,
    transient: true,
    describe: 'go on from the latest or the given checkpoint',
  },
  force: { type: 'boolean', transient: true, describe: 'start anew over earlier checkpoints' },
  evaluateEvery: { type: 'number', min: 1, integer: true, describe: 'steps between validations' },
  saveEvery: { type: 'number', min: 1, integer: true, describe: 'steps between checkpoints' },
  patience: {
    type: 'number',
    min: 1,
    integer: true,
    describe: 'stop after so many validations without a better loss',
  },
  keepBest: { type: 'boolean', describe: 'keep the checkpoint of the best validation besides' },
  keep: { type: 'number', min: 1, integer: true, default: 2, describe: 'checkpoints to keep' },
  session: {
    rare: true,
    type: 'string',
    choices: BACKENDS,
    transient: true,
    describe:
      "what drives ONNX Runtime: its C API, or onnxruntime-node's bindings [DROPBP_SESSION, else auto]",
  },
  provider: { type: 'string', transient: true, default: 'cpu', describe: 'execution provider' },
  threads: { type: 'number', transient: true, min: 1, integer: true, describe: 'threads of an operator' },
} as const satisfies OptionTable
