/** The optimizers by name. A new one is a file beside this and a line in the table. */
import type { OptimizerKind } from '../../src/manifest.js'
import { adafactor } from './adafactor.js'
import { adamw } from './adamw.js'
import { lion } from './lion.js'
import type { OptimizerRule } from './rule.js'
import { sgd } from './sgd.js'

export const OPTIMIZERS: Readonly<Record<OptimizerKind, OptimizerRule>> = { adamw, sgd, lion, adafactor }

/** The names, for those who choose; the first is the default. */
export const OPTIMIZER_KINDS = Object.keys(OPTIMIZERS) as OptimizerKind[]
