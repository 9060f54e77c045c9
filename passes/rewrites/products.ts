/** Rewrites of matrix products: transposes go into the product's flags. */
import type { Builder } from '../../src/builder.js'
import { elementCount } from '../../src/types.js'
import type { Attribute, Node, Value } from '../../src/ir.js'
import type { Rewrite } from './rewrite.js'

/** Gemm(Transpose(A), B) = Gemm(A, B, transA'), and so for B. */
export const transposeIntoGemm: Rewrite = (node, b) => {
  if (!isGemm(node)) return undefined
  const [a, w] = [matrixTransposed(node.input(0)), matrixTransposed(node.input(1))]
  if (!a && !w) return undefined
  return gemm(
    b,
    node,
    a ?? node.input(0),
    w ?? node.input(1),
    flag(node, 'transA') !== !!a,
    flag(node, 'transB') !== !!w,
  )
}

/** Transpose(Gemm(A, B)) = Gemm(B, A) with both flags turned. */
export const transposeOfGemm: Rewrite = (node, b) => {
  const x = node.op === 'Transpose' ? matrixTransposed(node.output()) : undefined
  const inner = x?.producer
  if (!inner || !isGemm(inner) || inner.inputs[2] || inner.graph !== node.graph || x.uses.size > 1)
    return undefined
  return gemm(b, inner, inner.input(1), inner.input(0), !flag(inner, 'transB'), !flag(inner, 'transA'))
}

/** MatMul(X, Transpose(W)) with a matrix W = Gemm(rows(X), W, transB). */
export const matMulOfTransposed: Rewrite = (node, b) => {
  if (node.op !== 'MatMul' || node.domain) return undefined
  const w = matrixTransposed(node.input(1))
  const shape = node.output().type?.shape
  const x = node.input(0)
  if (!w || !shape || !x.type?.shape || !b.canRead([...shape, ...x.type.shape])) return undefined
  const rows = b.reshape(x, [elementCount(x.type.shape.slice(0, -1)), x.type.shape.at(-1)!])
  return b.reshape(b.emit('Gemm', [rows, w], { transB: 1 }, { name: node.name }), shape)
}

/**
 * A + ScatterElements(0, i, u, add) = ScatterElements(A, i, u, add): a tied embedding's gradient without a table of zeros. Not where A
 * is a conditional sum, which is a scalar zero when nothing has been added to it.
 */
export const addOfScatter: Rewrite = (node, b) => {
  if (node.op !== 'Add' || node.domain) return undefined
  for (const [i, j] of [
    [1, 0],
    [0, 1],
  ] as const) {
    const scatter = node.input(i).producer
    if (
      scatter?.op !== 'ScatterElements' ||
      scatter.graph !== node.graph ||
      scatter.string('reduction', 'none') !== 'add'
    )
      continue
    if (node.input(i).uses.size > 1 || !isZero(scatter.input(0)) || isConditional(node.input(j), node))
      continue
    return b.emit(
      'ScatterElements',
      [node.input(j), scatter.input(1), scatter.input(2)],
      { axis: scatter.int('axis', 0), reduction: 'add' },
      { name: node.name },
    )
  }
  return undefined
}

/** Whether a value comes from a branch, or from outside of the branch that the reader is in. */
export function isConditional(value: Value, reader: Node): boolean {
  const { producer } = value
  return producer !== null && (producer.op === 'If' || producer.graph !== reader.graph)
}

/** x * 1 = x, x / 1 = x and x + 0 = x where the constant does not broadcast x. */
export const dropNeutral: Rewrite = (node) => {
  const neutral = { Mul: 1, Div: 1, Add: 0, Sub: 0 }[node.op]
  if (neutral === undefined || node.domain) return undefined
  if (isScalar(node.input(1), neutral)) return node.input(0)
  return (node.op === 'Mul' || node.op === 'Add') && isScalar(node.input(0), neutral)
    ? node.input(1)
    : undefined
}

function isScalar(v: Value, x: number): boolean {
  return v.data?.shape.length === 0 && v.data.item() === x
}

function isZero(v: Value): boolean {
  const source = v.producer?.op === 'Expand' ? v.producer.input(0) : v
  return source.data?.size === 1 && source.data.item() === 0
}

function isGemm(node: Node): boolean {
  return node.op === 'Gemm' && node.domain === ''
}

function flag(node: Node, name: string): boolean {
  return node.int(name, 0) !== 0
}

/** The matrix that `v` is the transposed of. */
function matrixTransposed(v: Value): Value | undefined {
  const node = v.producer
  if (node?.op !== 'Transpose' || node.domain || v.type?.shape?.length !== 2) return undefined
  const perm = node.ints('perm') ?? [1, 0]
  return perm[0] === 1 ? node.input(0) : undefined
}

function gemm(b: Builder, like: Node, a: Value, w: Value, transA: boolean, transB: boolean): Value {
  const scales: [string, Attribute][] = [...like.attributes].filter(([k]) => k === 'alpha' || k === 'beta')
  const flags = { transA: transA ? 1 : undefined, transB: transB ? 1 : undefined }
  const operands = like.inputs[2] ? [a, w, like.inputs[2]] : [a, w]
  return b.emit('Gemm', operands, { ...Object.fromEntries(scales), ...flags }, { name: like.name })
}
