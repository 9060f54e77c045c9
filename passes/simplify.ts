/** Local simplification of the training graph, after everything else was emitted. */
import type { OpTable } from '../src/op.js'
import type { Model, Value } from '../src/ir.js'
import { removeDeadNodes } from '../src/order.js'
import type { Pass } from './pass.js'
import { shareCommon } from './rewrites/common.js'
import { dropIdentity, mergeReshapes, mergeTransposes } from './rewrites/layout.js'
import {
  addOfScatter,
  dropNeutral,
  matMulOfTransposed,
  transposeIntoGemm,
  transposeOfGemm,
} from './rewrites/products.js'
import { rewriteModel, type Rewrite } from './rewrites/rewrite.js'

const REWRITES: readonly Rewrite[] = [
  dropIdentity,
  dropNeutral,
  mergeTransposes,
  mergeReshapes,
  transposeIntoGemm,
  transposeOfGemm,
  matMulOfTransposed,
  addOfScatter,
]

export const simplify: Pass = {
  name: 'simplify',
  purpose:
    'Shares common subexpressions, merges movement, moves transposes into matrix products, drops dead nodes.',
  needs: 'Standard operators only.',
  leaves: 'The same function in fewer nodes.',
  run(ctx): void {
    const parameters = new Set(ctx.parameters.map((p) => p.value))
    simplifyModel(ctx.model, ctx.table, (v) => parameters.has(v))
  },
}

/** Simplifies a model; initializers for which `isParameter` holds stay apart. */
export function simplifyModel(
  model: Model,
  table: OpTable,
  isParameter: (v: Value) => boolean = () => false,
): void {
  removeDeadNodes(model.graph)
  shareCommon(model, isParameter)
  rewriteModel(model, table, REWRITES)
  shareCommon(model, isParameter)
}
