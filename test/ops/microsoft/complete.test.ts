/** Every com.microsoft operator of stock ONNX Runtime is defined, or says why not. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { canonicalise } from '../../../passes/canonicalise.js'
import { inferTypes } from '../../../passes/infer-types.js'
import { standardOps } from '../../../src/ops/index.js'
import { microsoftUnsupported } from '../../../src/ops/microsoft/unsupported.js'
import { parseModel } from '../../../src/text.js'
import { contextOf } from '../../helpers/expect-pass.js'

const { operators } = JSON.parse(
  readFileSync(new URL('fixtures/contrib-operators.json', import.meta.url), 'utf8'),
) as { operators: string[] }

test('the list is there', () => expect(operators.length).toBeGreaterThan(100))

test('no operator is missing', () => {
  const known = new Set([...standardOps.names, ...Object.keys(microsoftUnsupported)])
  expect(operators.filter((op) => !known.has(`com.microsoft::${op}`))).toEqual([])
})

test('none is defined and refused', () => {
  const defined = new Set(standardOps.names)
  expect(Object.keys(microsoftUnsupported).filter((op) => defined.has(op))).toEqual([])
})

test('nothing is refused that ONNX Runtime does not have', () => {
  const names = new Set(operators.map((op) => `com.microsoft::${op}`))
  expect(Object.keys(microsoftUnsupported).filter((op) => !names.has(op))).toEqual([])
})

test('a model with some of them is refused once, with the reason for each', () => {
  const ctx = contextOf(
    parseModel(
      `<ir_version: 10, opset_import: ["" : 20, "com.microsoft" : 1]> g (float[2] x) => (float[2] y) {
        a = com.microsoft.DynamicTimeWarping (x)  b = com.microsoft.Rfft (a)  c = com.made.Up (b)  y = Relu (c)
      }`,
    ),
  )
  canonicalise.run(ctx)
  const refusal = (): string => {
    try {
      inferTypes.run(ctx)
    } catch (error) {
      return (error as Error).message
    }
    return ''
  }
  expect(refusal()).toMatch(/no definition of 3 operators/)
  expect(refusal()).toMatch(
    /com\.microsoft::DynamicTimeWarping: 1 node: .*; it aligns by dynamic programming/,
  )
  expect(refusal()).toMatch(/com\.microsoft::Rfft: 1 node: .*; it is superseded; export with DFT/)
})
