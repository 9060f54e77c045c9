/** Extremes that no mutation reaches: refused with a code, or compiled, in bounded time. */
import { expect, test } from 'vitest'
import { compileModel } from '../../passes/compile.js'
import { DropBPError } from '../../src/errors.js'
import { encodeModel, readModel } from '../../src/onnx/index.js'
import { parseModel } from '../../src/text.js'
import { field, message } from '../onnx/wire.js'

function codeOf(run: () => unknown): string {
  try {
    run()
    return 'compiled'
  } catch (error) {
    if (error instanceof DropBPError) return error.code
    throw error
  }
}

/** Graphs nested in the attributes of nodes. */
function nested(depth: number): Uint8Array {
  let graph: Uint8Array = message(field(2, 'innermost'))
  for (let i = 0; i < depth; i++) {
    const attribute = message(field(1, 'then_branch'), field(6, graph), field(20, 5))
    graph = message(
      field(1, message(field(2, `y${i}`), field(4, 'If'), field(5, attribute))),
      field(2, `g${i}`),
    )
  }
  return message(field(1, 10), field(8, message(field(2, 20))), field(7, graph))
}

test('graphs nested without end', () => {
  for (const depth of [10, 100, 5000]) {
    const code = codeOf(() => compileModel(readModel(nested(depth))))
    expect(['not-onnx', 'invalid-node', 'no-logits', 'no-outputs']).toContain(code)
  }
})

test('an empty graph', () => {
  const empty = message(field(1, 10), field(8, message(field(2, 20))), field(7, message(field(2, 'g'))))
  expect(codeOf(() => compileModel(readModel(empty)))).not.toBe('compiled')
})

test('a hundred thousand nodes in a row are read, and a chain of them compiles', { timeout: 180_000 }, () => {
  const chain = (n: number): string =>
    `<ir_version: 8, opset_import: ["" : 17]> g (float[4] x0) => (float[4] logits) <float[4, 4] w = {${Array(16).fill(0.5)}}> {
      y0 = MatMul (x0, w)
      ${Array.from({ length: n }, (_, i) => `y${i + 1} = Tanh (y${i})`).join('\n')}
      logits = Identity (y${n})
    }`
  expect(readModel(encodeModel(parseModel(chain(100_000)))).graph.nodes.size).toBe(100_002)
  expect(codeOf(() => compileModel(parseModel(chain(5000)), { loss: { kind: 'mse' } }))).toBe('compiled')
})

test('a thousand residual branches of one weight compile', { timeout: 180_000 }, () => {
  const blocks = Array.from(
    { length: 1000 },
    (_, i) => `m${i} = MatMul (x${i}, w)\nx${i + 1} = Add (x${i}, m${i})`,
  )
  const text = `<ir_version: 8, opset_import: ["" : 17]> g (float[4] x0) => (float[4] x1000) <float[4, 4] w = {${Array(16).fill(0.5)}}> {
    ${blocks.join('\n')}
  }`
  expect(codeOf(() => compileModel(parseModel(text), { loss: { kind: 'mse' } }))).toBe('compiled')
})
