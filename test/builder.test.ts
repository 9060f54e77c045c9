/** Emitting nodes: where dimensions can be read. */
import { expect, test } from 'vitest'
import { Builder } from '../src/builder.js'
import { inferModel } from '../passes/infer-types.js'
import { Expr } from '../src/expr.js'
import type { Graph } from '../src/ir.js'
import { standardOps } from '../src/ops/index.js'
import { parseModel } from '../src/text.js'

test('a dimension can be read in the graph that its source lies in, and in those within', () => {
  const model = parseModel(`g (float[n] x, bool c) => (int64[1, k] y) {
    y = If (c) <
      then_branch = found () => (int64[1, a] u) { u = NonZero (x) },
      else_branch = negated () => (int64[1, b] v) { m = Neg (x)  v = NonZero (m) }
    >
  }`)
  inferModel(model, standardOps)
  const [choice] = model.graph.nodes
  const [then, other] = choice!.subgraphs.map(([, graph]) => graph) as [Graph, Graph]
  const found = then.outputs[0]!.type!.shape![1]!
  const canRead = (graph = model.graph, dim = found): boolean =>
    new Builder(model, graph, standardOps).canRead([dim, Expr.of(2)])
  expect([canRead(then), canRead(other), canRead()]).toEqual([true, false, false])
  const n = Expr.symbol('n')
  expect([canRead(then, n), canRead(other, n.add(1).div(2)), canRead(model.graph, n)]).toEqual([
    true,
    true,
    true,
  ])
  expect(canRead(then, n.max(found))).toBe(true)
  expect(canRead(other, n.max(found))).toBe(false)
})
