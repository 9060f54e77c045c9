/** The pipeline: THE list of passes, and their runner. */
import { verify } from '../src/verify.js'
import { annotateFlops } from './annotate-flops.js'
import { attachLoss } from './attach-loss.js'
import { canonicalise } from './canonicalise.js'
import { differentiate } from './differentiate.js'
import { findResidualBranches } from './find-residual-branches.js'
import { foldConstants } from './fold-constants.js'
import { gate } from './gate.js'
import { inferTypes } from './infer-types.js'
import { insertDropBP } from './insert-dropbp.js'
import { lower } from './lower.js'
import { masters } from './masters.js'
import type { CompileContext, Pass } from './pass.js'
import { raise } from './raise.js'
import { recoverParameters } from './recover-parameters.js'
import { seedDropout } from './seed-dropout.js'
import { selectRows } from './select-rows.js'
import { simplify } from './simplify.js'
import { widen } from './widen.js'

/** From the model as it was read to one in canonical form with named parameters. */
export const recovering: readonly Pass[] = [canonicalise, inferTypes, foldConstants, recoverParameters]

/** Settles the arithmetic; attaches the loss, and DropBP nodes with their FLOPs to the residual branches that lead to it. */
export const annotating: readonly Pass[] = [
  widen,
  attachLoss,
  findResidualBranches,
  insertDropBP,
  annotateFlops,
]

/** Prepares the forward for differentiation. */
export const raising: readonly Pass[] = [raise, masters]

/** What the training graph alone has of the forward. */
export const seeding: readonly Pass[] = [seedDropout, selectRows]

/** From the differentiated graph to the one that is emitted. */
export const gating: readonly Pass[] = [gate, lower, simplify]

/** All passes, in order. */
export const pipeline: readonly Pass[] = [
  ...recovering,
  ...annotating,
  ...raising,
  ...seeding,
  differentiate,
  ...gating,
]

/** Told before and after each pass. */
export interface PassListener {
  before?(pass: Pass): void
  after?(pass: Pass, ctx: CompileContext): void
}

/** Runs passes, verifying the graph after each. */
export function runPasses(ctx: CompileContext, passes: readonly Pass[], listener: PassListener = {}): void {
  for (const pass of passes) {
    listener.before?.(pass)
    pass.run(ctx)
    verify(ctx.model, `pass ${pass.name}`)
    listener.after?.(pass, ctx)
  }
}
