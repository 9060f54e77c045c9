/** Softmax and its relatives. */
import type { Builder } from '../builder.js'
import type { Node, Value } from '../ir.js'
import type { NdArray, OpDef } from '../op.js'
import { sameAsInput } from './support/broadcast.js'
import { mapLines } from './support/nd.js'
import { constantNumbers, normalizeAxis } from './support/shapes.js'
import { isFloat } from '../types.js'

/** Definitions of the softmax family. */
export const softmax = {
  /** y = eˣ / Σeˣ; dx = y·dy − y·Σ(y·dy), with the y that a NaN guard left where there is one */
  Softmax: {
    infer: sameAsInput,
    grad: (node, { b, dy }) => [
      () => {
        const y = b.cast(withoutNaN(node.output()), node.output().type!.dtype)
        const product = b.mul(y, dy())
        return b.sub(product, b.mul(y, sumLines(b, node, product)))
      },
    ],
    evaluate: (node, [x]) => [alongAxis(node, x!, softmaxLine)],
  },
  /** y = x − ln Σeˣ; dx = dy − eʸ·Σdy */
  LogSoftmax: {
    infer: sameAsInput,
    grad: (node, { b, dy }) => [
      () => b.sub(dy(), b.mul(b.emit('Exp', [node.output()]), sumLines(b, node, dy()))),
    ],
    evaluate: (node, [x]) => [alongAxis(node, x!, logSoftmaxLine)],
  },
  /** One at the first maximum, zero elsewhere. */
  Hardmax: { infer: sameAsInput, grad: 'none', evaluate: (node, [x]) => [alongAxis(node, x!, hardmaxLine)] },
} satisfies Record<string, OpDef>

/**
 * The value after a guard `Where(IsNaN(y), 0, y)`, which exporters put behind a softmax whose rows may be masked entirely, or
 * `Where(row, 0, y)` with one condition a row, as ONNX's own Attention is written; `y` itself where there is none. Gradients
 * made of `y` would turn the zero cotangent of such a row into NaN.
 */
export function withoutNaN(y: Value): Value {
  const guards = y.users.filter((n) => n.op === 'Where' && n.inputs[2] === y)
  const guard = guards.find(
    (n) => n.input(0).producer?.op === 'IsNaN' && n.input(0).producer!.inputs[0] === y,
  )
  if (guard) return guard.output()
  if (y.uses.size !== 1) return y
  const [user] = y.users
  if (user?.op === 'Cast' && isFloat(user.output().type?.dtype)) {
    const cast = withoutNaN(user.output())
    return cast === user.output() ? y : cast
  }
  const byRow = guards.length === 1 && isRowwise(user!.input(0)) && isZero(user!.input(1))
  return byRow ? user!.output() : y
}

/** Whether a condition is the same along the last axis of what it is broadcast to. */
function isRowwise(condition: Value): boolean {
  return condition.type?.shape?.at(-1)?.constant === 1
}

function isZero(value: Value): boolean {
  const node = value.producer
  if (node?.op === 'CastLike' || node?.op === 'Cast') return isZero(node.input(0))
  return constantNumbers(value)?.every((x) => x === 0) ?? false
}

/** x − ln Σeˣ of a line. */
function logSoftmaxLine(line: Float64Array): Float64Array {
  const top = line.reduce((a, b) => Math.max(a, b), -Infinity)
  const total = line.reduce((sum, x) => sum + Math.exp(x - top), 0)
  return line.map((x) => x - top - Math.log(total))
}

function softmaxLine(line: Float64Array): Float64Array {
  const top = line.reduce((a, b) => Math.max(a, b), -Infinity)
  const exp = line.map((x) => Math.exp(x - top))
  const total = exp.reduce((a, b) => a + b, 0)
  return exp.map((x) => x / total)
}

function hardmaxLine(line: Float64Array): Float64Array {
  const at = line.indexOf(line.reduce((a, b) => Math.max(a, b), -Infinity))
  return line.map((_, i) => (i === at ? 1 : 0))
}

function sumLines(b: Builder, node: Node, x: Value): Value {
  return b.sum(x, [node.int('axis', -1)], true)
}

function alongAxis(node: Node, x: NdArray, f: (line: Float64Array) => Float64Array): NdArray {
  return mapLines(x, normalizeAxis(node, node.int('axis', -1), x.shape.length), f)
}
