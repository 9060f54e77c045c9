/**
 * Gradients of programs against central differences in float64, and in ONNX Runtime. Inputs are filled with fixed numbers
 * unless they are given; open dimensions are 3.
 */
import { expect } from 'vitest'
import { gradients } from '../../passes/differentiate.js'
import { lowerModel } from '../../passes/lower.js'
import { simplifyModel } from '../../passes/simplify.js'
import { evaluateGraph } from '../../src/evaluate.js'
import { bindInputDims, inferGraph } from '../../src/infer.js'
import type { Model, Value } from '../../src/ir.js'
import type { NdArray, OpTable } from '../../src/op.js'
import { standardOps } from '../../src/ops/index.js'
import { removeDeadNodes } from '../../src/order.js'
import { parseModel } from '../../src/text.js'
import { isFloat } from '../../src/types.js'
import { verify } from '../../src/verify.js'
import { expectRoundTrip, feed, runModel } from './expect-pass.js'

const OPEN = 3

/** A program with the gradients of its first result for its float inputs as further results, named `d_<input>`. */
export interface Differentiated {
  readonly model: Model
  /** Float inputs that the loss depends on. */
  readonly inputs: readonly Value[]
}

/** Parses a program and differentiates it. */
export function differentiateProgram(text: string, table = standardOps): Differentiated {
  const model = parseModel(text)
  if (model.opset === 0) model.opsets.set('', 20)
  bindInputDims(model)
  inferGraph(model.graph, model, table)
  return differentiateModel(model, table)
}

/** Adds the gradients of the first result to a model whose types are inferred. */
export function differentiateModel(model: Model, table = standardOps): Differentiated {
  const { graph } = model
  const loss = graph.outputs[0]!
  const wanted = graph.inputs.filter((v) => isFloat(v.type?.dtype))
  const found = gradients(model, table, loss, wanted)
  const inputs = wanted.filter((v) => found.has(v))
  graph.setOutputs([loss, ...inputs.map((v) => found.get(v)!)])
  removeDeadNodes(graph)
  verify(model, 'gradients')
  return { model, inputs }
}

/**
 * Expects the gradients to be those that differences tell, and ONNX Runtime to compute them too; with another table than the
 * standard one, by calls of kernels' functions.
 * @param given elements of inputs that are not to be arbitrary
 */
export async function expectGradients(
  { model, inputs }: Differentiated,
  given: Readonly<Record<string, readonly number[]>> = {},
  table = standardOps,
): Promise<void> {
  const feeds = new Map(model.graph.inputs.map((v, k) => [v, arrayFor(v, k, given[v.name])]))
  const [loss, ...results] = model.graph.outputs as [Value, ...Value[]]
  const arrays = evaluateGraph(model.graph, feeds, table)
  const lossAt = (changed: Map<Value, NdArray>): number =>
    evaluateGraph(model.graph, changed, table, [loss]).get(loss)!.data[0]!
  inputs.forEach((input, i) => {
    const got = arrays.get(results[i]!)!
    const x = feeds.get(input)!
    expect(got.shape, input.name).toEqual(x.shape)
    x.data.forEach((v, at) => {
      const moved = (by: number) => lossAt(new Map(feeds).set(input, { ...x, data: x.data.with(at, v + by) }))
      const difference = (moved(1e-5) - moved(-1e-5)) / 2e-5
      expect(Math.abs(got.data[at]! - difference), `d_${input.name}[${at}]`).toBeLessThan(
        1e-6 * Math.max(1, Math.abs(difference)),
      )
    })
  })
  await expectRuntime(
    model,
    feeds,
    [loss, ...results].map((v) => arrays.get(v)!),
    table,
  )
}

function arrayFor(value: Value, k: number, given: readonly number[] | undefined): NdArray {
  const shape = value.type!.shape!.map((d) => d.constant ?? OPEN)
  const size = shape.reduce((a, b) => a * b, 1)
  const data = Float64Array.from({ length: size }, (_, i) =>
    Math.fround(given?.[i] ?? Math.sin(1 + i * 1.7 + k * 2.3)),
  )
  return { dtype: value.type!.dtype, shape, data }
}

/** The same model in ONNX Runtime, as it is and simplified. */
async function expectRuntime(
  model: Model,
  feeds: ReadonlyMap<Value, NdArray>,
  wanted: readonly NdArray[],
  table: OpTable,
): Promise<void> {
  lowerModel(model, table, table !== standardOps)
  model.graph.outputs.forEach((v, i) => {
    if (v.producer) v.name = `result${i}`
  })
  for (const v of model.graph.outputs) v.type = { dtype: v.type!.dtype }
  const tensors = Object.fromEntries(
    [...feeds].map(([v, x]) => [v.name, feed(x.dtype as 'float32', x.shape, x.data)]),
  )
  for (const simplified of [false, true]) {
    if (simplified) simplifyModel(model, table)
    verify(model, 'lowering')
    expectRoundTrip(model)
    const got = Object.values(await runModel(model, tensors))
    wanted.forEach((want, i) => {
      expect(got[i]!.dims).toEqual(want.shape)
      want.data.forEach((x, at) => expect(got[i]!.data[at], `result ${i}[${at}]`).toSatisfy(near(x)))
    })
  }
}

/** Whether a number is another one but for the rounding of float32. */
function near(x: number): (y: number) => boolean {
  return (y) => Math.abs(y - x) <= 1e-4 * Math.max(1, Math.abs(x))
}
