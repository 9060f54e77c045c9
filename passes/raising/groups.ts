/** Keys and values that are repeated for the heads of a group (grouped-query attention). */
import type { Value } from '../../src/ir.js'
import { made } from './match.js'

/**
 * What was repeated: `x` [batch, groups, t, d] of Reshape(Expand(Unsqueeze(x, 2), [batch, groups, n, t, d]), [batch,
 * groups·n, t, d]), every head of a group next to the others.
 */
export function ungrouped(v: Value): Value | undefined {
  const expand = made(made(v, 'Reshape')?.inputs[0], 'Expand')
  const open = made(expand?.inputs[0], 'Unsqueeze', 'Reshape')
  const x = open?.inputs[0]
  const [from, one, five, four] = [x, open?.output(), expand?.output(), v].map((value) => value?.type?.shape)
  if (!from || !one || !five || !four) return undefined
  if (from.length !== 4 || one.length !== 5 || five.length !== 5 || four.length !== 4) return undefined
  const [batch, groups, t, d] = from
  const inserted = [0, 1, 3, 4].every(
    (axis, i) => one[axis]!.equals(from[i]!) && five[axis]!.equals(from[i]!),
  )
  if (!inserted || one[2]!.constant !== 1) return undefined
  const merged = [batch!, groups!.mul(five[2]!), t!, d!]
  return merged.every((dim, i) => dim.equals(four[i]!)) ? x! : undefined
}
