/**
 * Functions that kernels compute: the operator's reference in float64, the function's body in ONNX Runtime, and the kernel
 * itself for every instruction set of this machine, on one thread and on three, must agree.
 */
import { describe, expect, test } from 'vitest'
import { KERNEL_FUNCTIONS, withKernelRules } from '../../kernels/index.js'
import type { KernelFunction } from '../../kernels/kernel.js'
import { functionDef } from '../../passes/lowering/kernel-calls.js'
import { float } from '../../src/builder.js'
import { Expr } from '../../src/expr.js'
import { Graph, Model, Node, Value, type Attribute } from '../../src/ir.js'
import { DOMAIN } from '../../src/ops/dropbp.js'
import { standardOps } from '../../src/ops/index.js'
import type { NdArray } from '../../src/op.js'
import { feed, runModel } from '../helpers/expect-pass.js'
import { instructionSets, runKernel } from './native.js'

export const table = withKernelRules(standardOps)

/** Operands of one call, without those that the function does not have. */
export interface Sample {
  readonly about: string
  readonly inputs: readonly NdArray[]
  /** Value of the function's attribute. */
  readonly attribute?: number
  /** Size of terms that cancel in the results, where they are larger than those: what rounding is a share of. */
  readonly terms?: number
  /** The same, where operators that the body is made of have such terms and a kernel has not. */
  readonly bodyTerms?: number
  /** Why the body is not asked: it overflows where the reference and the kernel do not. */
  readonly notInBody?: string
}

/**
 * Largest error, as a share of the element and of the largest one of its result. Float32 has 6e-8; sums of n terms of either
 * sign, which every order of adding rounds in another way, come to some √n of it.
 */
export const TOLERANCE = { element: 1e-5, largest: 2e-6 }

/** Declares the tests of a function. */
export function checkFunction(name: string, samples: readonly Sample[]): void {
  const fn = KERNEL_FUNCTIONS.find((f) => f.name === name)!
  describe(name, () => {
    for (const sample of samples) {
      test(`${sample.about}: body`, async () => {
        if (sample.notInBody) return
        expectClose(await runBody(fn, sample), reference(fn, sample), sample.bodyTerms ?? sample.terms)
      })
      for (const isa of instructionSets)
        test(`${sample.about}: kernel, ${isa}`, () => {
          const want = reference(fn, sample)
          const outputs = want.map((x) => x.shape)
          const attributes = sample.attribute === undefined ? [] : [sample.attribute]
          for (const threads of [1, 3])
            expectClose(
              runKernel(isa, name, { inputs: sample.inputs, outputs, attributes, threads }),
              want,
              sample.terms,
            )
        })
    }
  })
}

/** A node of the function's operator, or a call of it. */
function nodeOf(
  fn: KernelFunction,
  { inputs, attribute }: Sample,
  isCall: boolean,
): { model: Model; node: Node } {
  const model = new Model(new Graph('call'))
  model.opsets.set('', 20)
  const values = inputs.map((x, i) =>
    model.graph.addInput(new Value(`x${i}`, { dtype: x.dtype, shape: x.shape.map((d) => Expr.of(d)) })),
  )
  const given: [string, Attribute][] = Object.entries(fn.attributes ?? {}).map(([key, type]) => [
    key,
    type === 'float' ? float(attribute!) : { type: 'int', value: attribute! },
  ])
  const outputs = Array.from({ length: fn.outputs }, (_, i) => new Value(`y${i}`, { dtype: 'float32' }))
  const fixed = Object.entries(fn.sample.attributes ?? {}).map(([key, value]): [string, Attribute] => [
    key,
    typeof value === 'number' ? { type: 'int', value } : { type: 'string', value: value as string },
  ])
  // operands that the function does not have keep their place in the operator
  let next = 0
  const placed = fn.sample.inputs.map((type) => (type ? values[next++]! : null))
  const node = isCall
    ? new Node(fn.name, values, outputs, given, DOMAIN)
    : new Node(fn.op.slice(DOMAIN.length + 2), placed, outputs, [...given, ...fixed], DOMAIN)
  model.graph.addNode(node)
  model.graph.setOutputs(outputs)
  return { model, node }
}

function reference(fn: KernelFunction, sample: Sample): NdArray[] {
  const { node } = nodeOf(fn, sample, false)
  let next = 0
  const operands = fn.sample.inputs.map((type) => (type ? sample.inputs[next++] : undefined))
  return table.get(fn.op)!.evaluate!(node, operands).slice(0, fn.outputs) as NdArray[]
}

async function runBody(fn: KernelFunction, sample: Sample): Promise<NdArray[]> {
  const { model } = nodeOf(fn, sample, true)
  model.functions.push(functionDef(fn))
  const feeds = sample.inputs.map((x, i) => [`x${i}`, feed(x.dtype as 'float32', x.shape, x.data)] as const)
  const got = await runModel(model, Object.fromEntries(feeds))
  return Object.values(got).map(({ dims, data }) => ({
    dtype: 'float32',
    shape: dims,
    data: Float64Array.from(data),
  }))
}

/** Expects numbers to be others within the tolerance; what is not finite in float32 must be that exactly. */
export function expectClose(got: readonly (NdArray | null)[], want: readonly NdArray[], terms = 0): void {
  expect(got.length).toBe(want.length)
  got.forEach((result, k) => {
    const expected = want[k]!
    expect(result!.shape).toEqual(expected.shape)
    const finite = expected.data.filter((x) => Number.isFinite(Math.fround(x)))
    const largest = finite.reduce((top, x) => Math.max(top, Math.abs(x)), terms)
    const wrong = Array.from(expected.data.keys()).filter(
      (i) => !isClose(result!.data[i]!, expected.data[i]!, largest),
    )
    const shown = wrong.slice(0, 3).map((i) => `[${i}] is ${result!.data[i]}, expected ${expected.data[i]}`)
    expect(shown, `result ${k}: ${wrong.length} of ${expected.data.length} differ`).toEqual([])
  })
}

function isClose(got: number, want: number, largest: number): boolean {
  if (!Number.isFinite(Math.fround(want))) return Object.is(got, Math.fround(want))
  return Math.abs(got - want) <= TOLERANCE.element * Math.abs(want) + TOLERANCE.largest * largest + 2 ** -149
}

let seed = 7

/** A reproducible float32 array, uniform in [−scale, scale). */
export function random(shape: readonly number[], scale = 2): NdArray {
  const data = Float64Array.from({ length: shape.reduce((n, d) => n * d, 1) }, () => {
    seed = (seed * 48271) % 2147483647
    return Math.fround((seed / 2147483647) * 2 * scale - scale)
  })
  return { dtype: 'float32', shape, data }
}

/** A float32 array with given elements. */
export function floats(shape: readonly number[], data: readonly number[]): NdArray {
  return { dtype: 'float32', shape, data: Float64Array.from(data, Math.fround) }
}

/** An int64 vector. */
export function labels(data: readonly number[]): NdArray {
  return { dtype: 'int64', shape: [data.length], data: Float64Array.from(data) }
}

/** Lengths that are no multiple of any vector, and one past what a task takes. */
export const ODD = [1, 3, 17, 123, 431, 16387]
