/** The order of stacks, whatever the order of nodes in the file. */
import { expect, test } from 'vitest'
import { groupStacks } from '../../../passes/residual/stacks.js'
import { topologicalOrder } from '../../../src/order.js'
import { parseModel } from '../../../src/text.js'

/** Names of the values that a program's sums make, grouped by stacks: the letter that a name begins with. */
function grouped(body: string): string[] {
  const { graph } = parseModel(`g (float[n] x, float[n] y) => (float[n] z) { ${body} }`)
  const order = topologicalOrder(graph)
  const members = order
    .filter((n) => n.op === 'Add')
    .map((sum) => ({ sum, stack: sum.output().name.charAt(0) }))
  return groupStacks(members, order).map(({ sum }) => sum.output().name)
}

test('an encoder comes before its decoder', () => {
  expect(
    grouped(
      'd0 = Add (y, y)  e0 = Add (x, x)  e1 = Add (e0, x)  c = Mul (d0, e1)  d1 = Add (c, d0)  z = Neg (d1)',
    ),
  ).toEqual(['e0', 'e1', 'd0', 'd1'])
})

test('stacks that do not read each other stay as they came, each in one piece', () => {
  expect(
    grouped('b0 = Add (y, y)  a0 = Add (x, x)  b1 = Add (b0, y)  a1 = Add (a0, x)  z = Mul (a1, b1)'),
  ).toEqual(['b0', 'b1', 'a0', 'a1'])
})

test('stacks that take turns stay as they are', () => {
  expect(grouped('a0 = Add (x, x)  b0 = Add (a0, x)  a1 = Add (b0, x)  z = Neg (a1)')).toEqual([
    'a0',
    'b0',
    'a1',
  ])
})
