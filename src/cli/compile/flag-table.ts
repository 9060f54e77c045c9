/** The flags of `dropbp-compile`, in the groups that `--help` shows, and the words that they take. */
import type { Options } from 'yargs'
import { OPTIMIZER_KINDS } from '../../../passes/optimizers/index.js'
import type { CompileOptions } from '../../../passes/pass.js'
import { pipeline } from '../../../passes/pipeline.js'
import type { LossKind, SiteKind } from '../../manifest.js'

export const LOSSES = [
  'auto',
  'causal-lm',
  'token',
  'class',
  'mse',
  'bce',
  'output',
] as const satisfies readonly (LossKind | 'auto')[]
export const KINDS = [
  'attention',
  'cross-attention',
  'mlp',
  'moe',
  'other',
] as const satisfies readonly SiteKind[]
export const PRECISIONS = ['auto', 'source'] as const satisfies readonly CompileOptions['precision'][]
/** `--print-after` takes a pass or this. */
export const EVERY_PASS = 'all'
export const PASS_NAMES = pipeline.map((p) => p.name)

const list = { type: 'string', array: true, nargs: 1 } as const
export const FLAGS = {
  out: {
    alias: 'o',
    type: 'string',
    requiresArg: true,
    group: 'Output:',
    describe: 'directory to write [<model>.dropbp]',
  },
  force: { type: 'boolean', group: 'Output:', describe: 'replace the compiled directory that is there' },
  bindings: {
    type: 'string',
    group: 'Output:',
    describe: 'write a typed TypeScript module too, at =<file> or into the directory',
  },
  loss: {
    type: 'string',
    requiresArg: true,
    group: 'Training:',
    describe: `${LOSSES.slice(0, -1).join(', ')}, each with :<output> to name what it is computed from, or output:<name> [auto]`,
  },
  train: {
    ...list,
    group: 'Training:',
    describe: 'train only parameters that match the glob; repeatable [all]',
  },
  freeze: { ...list, group: 'Training:', describe: 'freeze parameters that match the glob; repeatable' },
  sites: {
    ...list,
    group: 'Training:',
    describe: 'put DropBP only on sites that match the glob; repeatable [all]',
  },
  outputs: {
    ...list,
    group: 'Training:',
    describe: 'give outputs of the model that match the glob beside loss and gradients; repeatable [none]',
  },
  optimizer: {
    type: 'string',
    requiresArg: true,
    group: 'Training:',
    describe: `${OPTIMIZER_KINDS.join(', ')} [adamw]`,
  },
  precision: {
    type: 'string',
    requiresArg: true,
    group: 'Training:',
    describe:
      "what float16 and bfloat16 models compute in: auto (float32) or source (the source's types, for a GPU); weights train as float32 [auto]",
  },
  'seeded-dropout': {
    type: 'boolean',
    group: 'Training:',
    describe: 'draw dropout masks from an input, dropout_seed, so that a run can be repeated',
  },
  recompute: {
    type: 'string',
    group: 'Training:',
    describe: `compute branches again in the backward instead of keeping them, for all kinds of site or for some: ${KINDS.join(', ')}`,
  },
  'label-smoothing': {
    type: 'number',
    requiresArg: true,
    group: 'Training:',
    describe: 'share of each label that the loss spreads over all classes [0]',
  },
  unbiased: {
    type: 'boolean',
    group: 'Training:',
    describe: 'give every site a factor, so that kept branches can make up for dropped ones',
  },
  kernels: {
    type: 'boolean',
    group: 'Training:',
    describe:
      'emit calls of functions that the kernel library computes; runtimes without it run their bodies',
  },
  rules: {
    type: 'string',
    requiresArg: true,
    group: 'Training:',
    describe: 'JavaScript module whose default export has rules of further operators',
  },
  'dry-run': {
    type: 'boolean',
    group: 'Looking:',
    describe: 'show sites, FLOPs, parameters and what is unsupported; write nothing',
  },
  check: {
    type: 'boolean',
    group: 'Looking:',
    describe: 'run the graphs on random data: parity, gradients, masks, optimizer',
  },
  verbose: {
    alias: 'v',
    type: 'boolean',
    group: 'Looking:',
    describe: 'every site and parameter, and what was declined',
  },
  json: { type: 'boolean', group: 'Looking:', describe: 'the result as one JSON object on stdout' },
  'print-after': {
    ...list,
    group: 'Looking:',
    describe: `print the graph after a pass, or after ${EVERY_PASS}; repeatable`,
  },
  at: {
    type: 'string',
    requiresArg: true,
    group: 'Looking:',
    describe: 'dimensions for FLOPs and checks, e.g. batch=4,seq=1024',
  },
  flat: {
    type: 'boolean',
    group: 'Looking:',
    describe: 'emit the ungated graph, whose dropped gradients are zeros',
  },
} as const satisfies Record<string, Options>

export type Flag = keyof typeof FLAGS
