import { expect, test } from 'vitest'
import { evaluateGraph } from '../src/evaluate.js'
import type { Model, Value } from '../src/ir.js'
import type { NdArray } from '../src/op.js'
import { standardOps } from '../src/ops/index.js'
import { parseModel } from '../src/text.js'

const header = '<ir_version: 10, opset_import: ["" : 20]>'

function vector(...data: number[]): NdArray {
  return { dtype: 'float32', shape: [data.length], data: Float64Array.from(data) }
}

function bool(value: boolean): NdArray {
  return { dtype: 'bool', shape: [], data: Float64Array.of(value ? 1 : 0) }
}

/** Evaluates the first result of a model on arrays for its inputs, in order. */
function evaluate(model: Model, ...inputs: NdArray[]): number[] {
  const feeds = new Map<Value, NdArray>(model.graph.inputs.map((v, i) => [v, inputs[i]!]))
  const found = evaluateGraph(model.graph, feeds, standardOps)
  return [...found.get(model.graph.outputs[0]!)!.data]
}

const branches = parseModel(`${header}
main (bool keep, float[2] x) => (float[2] y) {
  twice = Add(x, x)
  y = If(keep) <
    then_branch = taken () => (float[2] a) { a = Mul(twice, x) },
    else_branch = other () => (float[2] b) { b = Unheard(x) }
  >
}`)

test('an If runs the branch of its condition only, captures included', () => {
  expect(evaluate(branches, bool(true), vector(1, 3))).toEqual([2, 18])
  expect(() => evaluate(branches, bool(false), vector(1, 3))).toThrow(
    expect.objectContaining({ code: 'not-evaluable', message: expect.stringContaining('Unheard') }),
  )
})

test('what no wanted value depends on is not run', () => {
  const model = parseModel(`${header}
    main (float[2] x) => (float[2] y) {
      z = Unheard(x)
      y = Neg(x)
    }`)
  expect(evaluate(model, vector(1, -2))).toEqual([-1, 2])
})

test('a value that is given is not computed', () => {
  const { graph } = parseModel(`${header}
    main (float[2] x) => (float[2] y) {
      z = Unheard(x)
      y = Neg(z)
    }`)
  const z = [...graph.nodes][0]!.output()
  const found = evaluateGraph(graph, new Map([[z, vector(1, -2)]]), standardOps)
  expect([...found.get(graph.outputs[0]!)!.data]).toEqual([-1, 2])
})

test('an input without an array is named', () => {
  const { graph } = parseModel(`${header} main (float[2] x) => (float[2] y) { y = Neg(x) }`)
  expect(() => evaluateGraph(graph, new Map(), standardOps)).toThrow(
    expect.objectContaining({ code: 'not-evaluable', message: expect.stringContaining('"x"') }),
  )
})
