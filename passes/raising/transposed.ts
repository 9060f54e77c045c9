/** Matrices that an exporter stored or computed with their last two axes swapped. */
import type { Builder } from '../../src/builder.js'
import type { Value } from '../../src/ir.js'
import { made } from './match.js'

/** How to get the tensor whose last two axes, swapped, give `v`; emits nothing until asked. */
export function untransposed(v: Value): ((b: Builder) => Value) | undefined {
  const flat = throughMatrices(v)
  if (flat) return () => flat
  const transpose = made(v, 'Transpose')
  const perm = transpose?.ints('perm')
  if (!transpose || !perm || perm.length < 2) return undefined
  const swapped = [...perm.slice(0, -2), perm.at(-1)!, perm.at(-2)!]
  return (b) => b.transpose(transpose.input(0), swapped)
}

/** x of Reshape(Transpose(Reshape(x, [-1, n, m])), [..., m, n]), as the dynamo exporter writes it. */
function throughMatrices(v: Value): Value | undefined {
  const transpose = made(made(v, 'Reshape')?.inputs[0], 'Transpose')
  const x = made(transpose?.inputs[0], 'Reshape')?.inputs[0]
  const perm = transpose?.ints('perm')
  if (!x || perm?.length !== 3 || perm[0] !== 0 || perm[1] !== 2) return undefined
  const [from, inner, to] = [x, transpose!.input(0), v].map((value) => value.type?.shape)
  if (!from || !inner || !to || from.length !== to.length) return undefined
  const matrix = from.slice(-2)
  const batch = from.slice(0, -2)
  const keeps =
    matrix.every((d, i) => d.equals(inner[i + 1]!) && d.equals(to.at(-1 - i)!)) &&
    batch.every((d, i) => d.equals(to[i]!))
  return keeps ? x : undefined
}
