/**
 * Operators on strings. A string has no gradient, and nor has what is counted in one: every rule here is `none`. They stay in
 * the forward, where the runtime has kernels for them.
 */
import type { Node } from '../ir.js'
import type { InferContext, Inferred, OpDef } from '../op.js'
import { Expr } from '../expr.js'
import { broadcastShapes } from './support/broadcast.js'
import { typeOf } from './support/shapes.js'

/** Words are dropped along the last axis, how many only the run knows. */
function inferNormalizer(node: Node, ctx: InferContext): Inferred[] {
  const { shape } = typeOf(node.inputs[0])
  return [
    {
      type: { dtype: 'string', shape: shape && [...shape.slice(0, -1), ctx.unknownDim(0, shape.length - 1)] },
    },
  ]
}

/** Parts along a new last axis, as many as the longest string has, and their numbers. */
function inferSplit(node: Node, ctx: InferContext): Inferred[] {
  const { shape } = typeOf(node.inputs[0])
  return [
    { type: { dtype: 'string', shape: shape && [...shape, ctx.unknownDim(0, shape.length)] } },
    { type: { dtype: 'int64', shape } },
  ]
}

/** One column for every n-gram that `ngram_indexes` counts. */
function inferTfIdf(node: Node): Inferred[] {
  const { shape } = typeOf(node.inputs[0])
  const columns = (node.ints('ngram_indexes') ?? []).reduce((top, i) => Math.max(top, i + 1), 0)
  return [{ type: { dtype: 'float32', shape: shape && [...shape.slice(0, -1), Expr.of(columns)] } }]
}

/** Definitions of the string operators. */
export const text = {
  StringNormalizer: { infer: inferNormalizer, grad: 'none' },
  StringSplit: { infer: inferSplit, grad: 'none' },
  StringConcat: {
    infer: (node, ctx) => [
      {
        type: {
          dtype: 'string',
          shape: broadcastShapes(
            node.inputs.map((v) => v?.type?.shape),
            ctx,
          ),
        },
      },
    ],
    grad: 'none',
  },
  RegexFullMatch: {
    infer: (node) => [{ type: { dtype: 'bool', shape: typeOf(node.inputs[0]).shape } }],
    grad: 'none',
  },
  TfIdfVectorizer: { infer: inferTfIdf, grad: 'none' },
} satisfies Record<string, OpDef>
