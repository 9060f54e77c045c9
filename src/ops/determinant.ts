/** Det. */
import type { Builder } from '../builder.js'
import { CompileError } from '../errors.js'
import { Expr } from '../expr.js'
import type { Node, Value } from '../ir.js'
import type { GradContext, OpDef } from '../op.js'
import { assume } from './support/emit.js'
import { nd } from './support/nd.js'
import { shapeOf, typeOf } from './support/shapes.js'

/** Definition of the determinant. */
export const determinant = {
  /** y = det X of the last two axes; dX = dy·cof X, which holds for singular X too */
  Det: {
    infer: (node) => {
      const { dtype, shape } = typeOf(node.inputs[0])
      return [{ type: { dtype, shape: shape?.slice(0, -2) } }]
    },
    grad: (node, g) => [() => detBack(node, g)],
    evaluate: (_node, [x]) => {
      const n = x!.shape.at(-1)!
      const batch = x!.shape.slice(0, -2)
      const data = Float64Array.from({ length: x!.data.length / (n * n) }, (_, k) =>
        eliminate(x!.data.slice(k * n * n, (k + 1) * n * n), n),
      )
      return [nd(x!.dtype, batch, data)]
    },
  },
} satisfies Record<string, OpDef>

function detBack(node: Node, { b, dy }: GradContext): Value {
  const shape = shapeOf(node, node.input(0))
  const n = shape.at(-1)!.constant
  if (n === undefined) {
    throw new CompileError(
      'no-gradient',
      `Det (node "${node.name}") of matrices whose size [${shape.slice(-2)}] only the run knows has no gradient; ` +
        'export the model with a fixed size, or freeze the parameters before it with --freeze',
    )
  }
  const whole = b.reshape(dy(), [...shape.slice(0, -2), Expr.one, Expr.one])
  return n === 1 ? whole : b.mul(whole, cofactors(b, node.input(0), n))
}

/** (−1)^(i+j) · det of X without row i and column j. */
function cofactors(b: Builder, x: Value, n: number): Value {
  const shape = x.type!.shape!
  const rank = shape.length
  // others[i] lists the n − 1 positions that are not i.
  const others = Array.from({ length: n }, (_, i) => [...Array(n).keys()].filter((k) => k !== i)).flat()
  const index = b.constant('int64', [n, n - 1], others)
  // [..., n, n-1, n], then [..., n, n-1, n, n-1]; the two left out side by side: [..., n, n, n-1, n-1].
  const rows = b.emit('Gather', [x, index], { axis: rank - 2 })
  const both = b.emit('Gather', [rows, index], { axis: rank })
  const batch = [...Array(rank - 2).keys()]
  const minors = b.transpose(both, [...batch, rank - 2, rank, rank - 1, rank + 1])
  const sign = Array.from({ length: n * n }, (_, k) => (((k % n) + Math.floor(k / n)) % 2 === 0 ? 1 : -1))
  const det = assume(b.emit('Det', [minors]), shape)
  return b.mul(det, b.constant(x.type!.dtype, [n, n], sign))
}

/** The determinant of a matrix, which is destroyed: Gaussian elimination with partial pivoting. */
function eliminate(a: Float64Array, n: number): number {
  let det = 1
  for (let k = 0; k < n; k++) {
    let pivot = k
    for (let i = k + 1; i < n; i++) if (Math.abs(a[i * n + k]!) > Math.abs(a[pivot * n + k]!)) pivot = i
    if (a[pivot * n + k] === 0) return 0
    if (pivot !== k) det = -det
    for (let j = 0; j < n; j++) [a[k * n + j], a[pivot * n + j]] = [a[pivot * n + j]!, a[k * n + j]!]
    det *= a[k * n + k]!
    for (let i = k + 1; i < n; i++) {
      const factor = a[i * n + k]! / a[k * n + k]!
      for (let j = k; j < n; j++) a[i * n + j]! -= factor * a[k * n + j]!
    }
  }
  return det
}
