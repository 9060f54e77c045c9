/** Reference semantics of attention and of its gradient. */
import type { Node } from '../../ir.js'
import type { NdArray } from '../../op.js'
import { map, mapLines, matmul, reduce, reshape, sizeOf, transpose, zip } from '../support/nd.js'

type Inputs = readonly (NdArray | undefined)[]

/** y, from q, k, v, mask and visible. */
export function evaluateAttention(node: Node, inputs: Inputs): NdArray[] {
  const { p, v, visible } = probabilities(node, inputs)
  const y = matmul(p, v)
  return [visible && node.string('blind', 'zero') === 'zero' ? zip([y, visible], (a, s) => a * s) : y]
}

/** Gradients of q, k, v and mask. */
export function evaluateAttentionGrad(node: Node, inputs: Inputs): NdArray[] {
  const { p, q, k, v, visible, groups } = probabilities(node, inputs)
  const scale = node.float('scale', 1)
  const dy = inputs[6]!
  const seen = visible ? zip([dy, visible], (a, s) => a * s) : dy
  const isUniform = visible !== undefined && node.string('blind', 'zero') === 'uniform'
  const dp = matmul(seen, swap(v))
  const rows = reduce(
    zip([p, dp], (a, c) => a * c),
    [p.shape.length - 1],
    true,
    sum,
  )
  const ds = zip([p, dp, rows], (a, c, r) => a * (c - r!))
  const scaled = map(ds, (x) => x * scale)
  return [
    matmul(scaled, k),
    sumGroups(matmul(swap(scaled), q), groups),
    sumGroups(matmul(swap(p), isUniform ? dy : seen), groups),
    ds,
  ]
}

/** Probabilities, with keys and values repeated for every head. */
function probabilities(node: Node, [q, key, value, mask, visible]: Inputs) {
  const groups = q!.shape.length > 3 ? key!.shape.at(-3)! : 0
  const [k, v] = [key!, value!].map((x) => repeatGroups(x, q!.shape.at(-3) ?? 1, groups)) as [
    NdArray,
    NdArray,
  ]
  const raw = map(matmul(q!, swap(k)), (s) => s * node.float('scale', 1))
  const scores = mask ? zip([raw, mask], (s, m) => s + m) : raw
  const p = mapLines(scores, scores.shape.length - 1, (line) => {
    const top = Math.max(...line)
    const e = line.map((x) => Math.exp(x - top))
    const total = sum(e)
    return e.map((x) => x / total)
  })
  return { p, q: q!, k, v, visible, groups }
}

function sum(line: Float64Array): number {
  return line.reduce((a, c) => a + c, 0)
}

function swap(x: NdArray): NdArray {
  const rank = x.shape.length
  return transpose(x, [...Array(rank - 2).keys(), rank - 1, rank - 2])
}

/** [..., groups, t, d] with every group repeated, [..., heads, t, d]; as it is without an axis of heads. */
function repeatGroups(x: NdArray, heads: number, groups: number): NdArray {
  if (groups === 0 || heads === groups) return x
  const [t, d] = x.shape.slice(-2) as [number, number]
  const outer = sizeOf(x.shape.slice(0, -3))
  const flat = reshape(x, [outer * groups, 1, t, d])
  const repeated = zip(
    [flat, { ...flat, shape: [1, heads / groups, 1, 1], data: new Float64Array(heads / groups) }],
    (a) => a,
  )
  return reshape(repeated, [...x.shape.slice(0, -3), heads, t, d])
}

function sumGroups(x: NdArray, groups: number): NdArray {
  const heads = x.shape.at(-3)!
  if (groups === 0 || heads === groups) return x
  const [t, d] = x.shape.slice(-2) as [number, number]
  const outer = sizeOf(x.shape.slice(0, -3))
  const summed = reduce(reshape(x, [outer * groups, heads / groups, t, d]), [1], false, sum)
  return reshape(summed, [...x.shape.slice(0, -3), groups, t, d])
}
