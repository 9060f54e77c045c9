/** What is trained on. */
import type { OptionTable } from './option.js'

export const data = {
  data: { type: 'string', alias: 'd', file: true, describe: 'text file, or tokens as .bin or .npy' },
  tokenizer: { type: 'string', file: { except: ['bytes'] }, describe: 'tokenizer.json, or "bytes"' },
  binType: {
    type: 'string',
    choices: ['uint16', 'uint32'],
    default: 'uint16',
    describe: 'numbers in a .bin file',
  },
  seq: { type: 'number', min: 1, integer: true, describe: 'tokens of a window' },
  batch: { type: 'number', alias: 'b', min: 1, integer: true, describe: 'windows of a micro-batch' },
  validation: {
    type: 'number',
    min: 0,
    below: 1,
    default: 0.05,
    describe: 'share of the data held out',
  },
  validationData: { type: 'string', file: true, describe: 'file to validate on instead' },
} as const satisfies OptionTable
