/**
 * Attention as one operator. Its gradient computes the probabilities again, block by block, instead of keeping them: they
 * are the largest activation of a transformer, [batch, heads, queries, keys].
 */
import { float, type Builder } from '../../builder.js'
import { Expr } from '../../expr.js'
import type { Node, Value } from '../../ir.js'
import type { OpDef } from '../../op.js'
import { elementCount, type Shape } from '../../types.js'
import { evaluateAttention, evaluateAttentionGrad } from './reference.js'
import { lowerAttention, lowerAttentionGrad } from './lowering.js'
import { DOMAIN } from '../dropbp.js'
import { lazy } from '../support/emit.js'
import { shapeOf, typeOf } from '../support/shapes.js'

export const ATTENTION = `${DOMAIN}::Attention`
export const ATTENTION_GRAD = `${DOMAIN}::AttentionGrad`

/** What becomes of a query that sees no key: its row is zero, or the mean of all values. */
export type Blind = 'zero' | 'uniform'

/** Definitions of attention and its gradient. */
export const attention = {
  /**
   * y = softmax(scale·q·kᵀ + mask)·v
   *
   * Inputs: q [..., heads, s, d], k [..., groups, t, d], v [..., groups, t, dv], where groups divides heads and consecutive
   * heads share a group; mask, added to the scores (optional, broadcast, finite); visible [..., s, 1] (optional), 0 for
   * queries that see no key, else 1. Rank 3 has no axis of heads. Attributes:
   * - `causal`: the mask hides at least every key after its query, so that those products may be left out
   * - `blind`: what the row of a query with visible = 0 is: `zero`, or `uniform`, the mean of all values
   *
   * With P the probabilities, and dS = P·(dP − rowsum(dy·y)), dP = dy·vᵀ:
   * dq = scale·dS·k, dk = scale·dSᵀ·q, dv = Pᵀ·dy, dmask = dS; dk and dv summed over each group's heads.
   */
  [ATTENTION]: {
    infer: (node) => {
      const [q, v] = [typeOf(node.input(0)), typeOf(node.input(2))]
      const shape = q.shape && v.shape && [...q.shape.slice(0, -1), v.shape.at(-1)!]
      return [{ type: { dtype: q.dtype, shape } }]
    },
    flops: (node) => productFlops(node, 1, 1),
    grad: (node, { b, dy, wants }) => {
      const operands = [...Array(5).keys()].map((i) => node.inputs[i] ?? null)
      const outputs = lazy(() =>
        b.emitAll('AttentionGrad', [...operands, node.output(), dy()], Object.fromEntries(node.attributes), {
          domain: DOMAIN,
          name: 'attention_grad',
          outputs: wants(3) ? 4 : 3,
        }),
      )
      return [() => outputs()[0]!, () => outputs()[1]!, () => outputs()[2]!, () => outputs()[3]!, null]
    },
    evaluate: evaluateAttention,
    lower: lowerAttention,
  },
  /** Gradients of q, k, v and mask (still broadcast). Inputs: those of Attention, y, dy. */
  [ATTENTION_GRAD]: {
    infer: (node) => {
      const [q, k, v] = [0, 1, 2].map((i) => ({ type: typeOf(node.input(i)) }))
      const shape = [...shapeOf(node, node.input(0)).slice(0, -1), shapeOf(node, node.input(1)).at(-2)!]
      return [q!, k!, v!, { type: { dtype: q!.type.dtype, shape } }]
    },
    // The scores again, then dP and dv, dq and dk.
    flops: (node) => productFlops(node, 3, 2),
    grad: 'none',
    evaluate: evaluateAttentionGrad,
    lower: lowerAttentionGrad,
  },
} satisfies Record<string, OpDef>

/** FLOPs of so many products of [s, t] matrices along d, and along dv. The upper triangle of a causal mask counts, as usual. */
function productFlops(node: Node, alongKeys: number, alongValues: number): Expr {
  const [q, k, v] = [0, 1, 2].map((i) => node.input(i).type?.shape)
  if (!q || !k || !v) return Expr.zero
  const scores: Shape = [...q.slice(0, -1), k.at(-2)!]
  return elementCount(scores)
    .mul(2)
    .mul(q.at(-1)!.mul(alongKeys).add(v.at(-1)!.mul(alongValues)))
}

/** Operands of an attention, as the raising of patterns finds them. */
export interface AttentionParts {
  readonly q: Value
  readonly k: Value
  readonly v: Value
  readonly mask?: Value
  readonly visible?: Value
  readonly scale: number
  readonly causal?: boolean
  readonly blind?: Blind
}

/** Emits an attention. */
export function emitAttention(b: Builder, parts: AttentionParts): Value {
  const { q, k, v, mask = null, visible = null } = parts
  const inputs = visible ? [q, k, v, mask, visible] : mask ? [q, k, v, mask] : [q, k, v]
  return b.emit(
    'Attention',
    inputs,
    { scale: float(parts.scale), causal: parts.causal ? 1 : undefined, blind: parts.blind },
    { domain: DOMAIN, name: 'attention' },
  )
}
