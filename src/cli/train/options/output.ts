/** What is written, and shown meanwhile. */
import { SINKS } from '../../../../runtime/report/index.js'
import type { OptionTable } from './option.js'

export const output = {
  out: {
    type: 'string',
    alias: 'o',
    file: true,
    transient: true,
    describe: 'directory for checkpoints and results [<model>.trained]',
  },
  record: {
    type: 'list',
    transient: true,
    rare: true,
    default: Object.keys(SINKS),
    describe: `files that tell of the training: ${Object.keys(SINKS).join(', ')}; repeatable`,
  },
  export: {
    type: 'boolean',
    transient: true,
    default: true,
    describe: 'write the trained inference model',
  },
  source: {
    rare: true,
    type: 'string',
    file: true,
    transient: true,
    describe: 'the source model, where it was moved',
  },
  json: { type: 'boolean', transient: true, describe: 'events as JSON lines on stdout' },
  logEvery: {
    rare: true,
    type: 'number',
    transient: true,
    min: 1,
    integer: true,
    describe: 'steps between lines in a pipe',
  },
} as const satisfies OptionTable
