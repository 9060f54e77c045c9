/**
 * Checks of operator definitions on sample inputs, against two oracles: ONNX Runtime (reference evaluation and types) and
 * central differences in float64 (gradient rules). What the rules emit must also run in ONNX Runtime.
 */
import type * as ort from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import { gradients } from '../../passes/differentiate.js'
import { Builder, type AttributeArgs } from '../../src/builder.js'
import { evaluateGraph, type Arrays } from '../../src/evaluate.js'
import { bindInputDims, prepareInitializer } from '../../src/infer.js'
import { Model, Value } from '../../src/ir.js'
import type { NdArray, OpDef } from '../../src/op.js'
import { standardOps } from '../../src/ops/index.js'
import { Tensor } from '../../src/tensor.js'
import { isFloat, tensorType, type DType } from '../../src/types.js'
import { verify } from '../../src/verify.js'
import { differenceQuotient } from '../helpers/differences.js'
import { expandUnevaluable } from '../helpers/expand.js'
import { numbersOf, session, tensorOf } from '../helpers/runtime.js'

/** An operand of a sample. The same object twice is the same value twice. */
export interface Operand {
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly data: readonly number[]
  /** An initializer instead of a graph input; nothing is differentiated with respect to it. */
  readonly constant?: boolean
}

/** One application of an operator. */
export interface Sample {
  /** What is special about it. */
  readonly about?: string
  readonly inputs: readonly (Operand | null)[]
  readonly attributes?: AttributeArgs
  /** Number of outputs, default 1. */
  readonly outputs?: number
  /** Opset of the model, default 20. */
  readonly opset?: number
  /** Why it cannot have symbolic dimensions. */
  readonly notSymbolic?: string
  /** Why ONNX Runtime cannot be asked about it. */
  readonly notInRuntime?: string
  /**
   * What every output has to be by the operator's documentation, for an operator that ONNX Runtime has no CPU kernel of; what
   * it is expanded into is still run there. Null for an output that is not looked at.
   */
  readonly expected?: readonly (readonly number[] | null)[]
  /** Why its gradient cannot be checked by differences (a kink, a random draw). */
  readonly notDifferentiated?: string
  /** Why ONNX Runtime does not take it in float16. */
  readonly notInFloat16?: string
  /** Relative tolerance against ONNX Runtime's float32, default 2e-5. */
  readonly tolerance?: number
}

let seed = 1

/** A reproducible number in [0, 1). */
function random(): number {
  seed = (seed * 48271) % 2147483647
  return seed / 2147483647
}

/** Float operand, uniform in [low, high). */
export function uniform(low: number, high: number, ...shape: number[]): Operand {
  return floats(
    shape,
    fill(shape, () => low + (high - low) * random()),
  )
}

/** Float operand, uniform in [-2, 2). */
export function signed(...shape: number[]): Operand {
  return uniform(-2, 2, ...shape)
}

/** Float operand, uniform in [0.5, 2). */
export function positive(...shape: number[]): Operand {
  return uniform(0.5, 2, ...shape)
}

/** Float operand with given elements. */
export function floats(shape: readonly number[], data: readonly number[]): Operand {
  return { dtype: 'float32', shape, data: data.map(Math.fround) }
}

/** Integer operand with given elements, a constant; `fed` makes it an input. */
export function ints(
  data: readonly number[],
  shape: readonly number[] = [data.length],
  dtype: DType = 'int64',
): Operand {
  return { dtype, shape, data, constant: true }
}

/** Bool operand with given elements, an input. */
export function bools(shape: readonly number[], data: readonly number[]): Operand {
  return { dtype: 'bool', shape, data }
}

/** The operand as a graph input. */
export function fed(operand: Operand): Operand {
  return { ...operand, constant: false }
}

/** The operand as an initializer. */
export function constant(operand: Operand): Operand {
  return { ...operand, constant: true }
}

/** The operand in another element type. */
export function as(dtype: DType, operand: Operand): Operand {
  return { ...operand, dtype }
}

/**
 * Samples of an operator that is differentiated by way of its parts, which have samples of their own: differences, which are
 * slow, are taken of those named only.
 */
export function differentiateOnly(names: readonly string[], samples: readonly Sample[]): Sample[] {
  for (const name of names)
    if (!samples.some((s) => s.about === name)) throw new Error(`no sample is about "${name}"`)
  return samples.map((s) => (names.includes(s.about!) ? s : { ...s, notDifferentiated: 'its parts are' }))
}

function fill(shape: readonly number[], f: () => number): number[] {
  return Array.from({ length: shape.reduce((n, d) => n * d, 1) }, f)
}

/** Declares the tests of a family: every operator of it must have samples. */
export function checkFamily<K extends string>(
  family: Record<K, OpDef>,
  samples: Record<K, readonly Sample[]>,
): void {
  for (const [op, def] of Object.entries<OpDef>(family)) {
    describe(op, () => {
      const own = samples[op as K] ?? []
      test('has samples', () => expect(own.length).toBeGreaterThan(0))
      own.forEach((sample, i) => declare(op, def, sample, sample.about ?? `sample ${i}`))
    })
  }
}

function declare(op: string, def: OpDef, sample: Sample, name: string): void {
  test(name, async () => {
    for (const dims of sample.notSymbolic ? (['static'] as const) : (['static', 'symbolic'] as const)) {
      const bench = new Bench(op, sample, dims)
      bench.checkTypes()
      if (!sample.notDifferentiated) bench.checkGradients(dims === 'static')
      if (sample.expected) bench.checkExpected(sample.expected)
      if (!sample.notInRuntime) await bench.checkRuntime()
    }
    if (!sample.notInRuntime && !sample.notInFloat16 && def.grad !== 'none')
      await new Bench(op, sample, 'static', 'float16').checkLoads()
  })
}

/** A model of one operator application, its loss, and its gradients. */
class Bench {
  private readonly model = new Model()
  private readonly b: Builder
  private readonly feeds: Arrays = new Map()
  /** What the operator itself computes. */
  private readonly outputs: Value[]
  /** The same computed by other operators, where the definition expands into them; else the same values. */
  private readonly lowered: readonly (Value | null)[]
  /** Those of the two that can be evaluated. */
  private readonly reference: readonly (Value | null)[]
  private readonly losses: Value[]
  private readonly found: { loss: Value; gradient: Value; input: Value }[] = []

  constructor(
    op: string,
    private readonly sample: Sample,
    private readonly dims: 'static' | 'symbolic',
    private readonly float: DType = 'float32',
  ) {
    this.model.opsets.set('', sample.opset ?? 20)
    this.b = new Builder(this.model, this.model.graph, standardOps)
    const values = new Map<Operand, Value>()
    for (const operand of sample.inputs)
      if (operand && !values.has(operand)) values.set(operand, this.declare(operand))
    bindInputDims(this.model)
    const [domain, name] = op.includes('::') ? op.split('::') : ['', op]
    const inputs = sample.inputs.map((o) => o && values.get(o)!)
    this.outputs = this.b.emitAll(name!, inputs, sample.attributes, {
      domain: domain!,
      outputs: sample.outputs ?? 1,
    })
    const node = this.outputs[0]!.producer!
    const def = standardOps.find(node)
    if (!def) throw new Error(`${op} is not in the table`)
    this.lowered = def.lower ? def.lower(node, this.b) : this.outputs
    if (def.lower) expandUnevaluable(this.model, new Set([node]))
    this.reference = def.evaluate ? this.outputs : this.outputs.map((_, i) => this.lowered[i] ?? null)
    this.losses = this.makeLosses()
    this.differentiate()
  }

  /** Types agree with the reference's results. */
  checkTypes(): void {
    const arrays = this.evaluate(this.references())
    this.outputs.forEach((output, i) => {
      const reference = this.reference[i]
      if (reference) this.checkType(output, arrays.get(reference)!)
    })
  }

  /** Gradients agree with central differences of the reference, and have the types of their values. */
  checkGradients(againstDifferences: boolean): void {
    verify(this.model, 'gradients')
    const arrays = this.evaluate(this.found.map((f) => f.gradient))
    for (const { gradient, input } of this.found) {
      expect(arrays.get(gradient)!.shape).toEqual(this.feeds.get(input)!.shape)
      expect(gradient.type?.dtype).toBe(input.type!.dtype)
    }
    if (!againstDifferences) return
    for (const loss of this.losses) {
      for (const input of this.wanted()) {
        const found = this.found.find((f) => f.loss === loss && f.input === input)
        const expected = this.differences(loss, input)
        const got = found ? arrays.get(found.gradient)!.data : new Float64Array(expected.length)
        expectClose(got, expected, 1e-6, `gradient of "${input.name}"`)
      }
    }
  }

  /** The outputs are those that are given. */
  checkExpected(expected: readonly (readonly number[] | null)[]): void {
    const arrays = this.evaluate(this.references())
    expected.forEach((elements, i) => {
      const reference = this.reference[i]
      if (!elements) return
      expect(reference, `output ${i}`).toBeTruthy()
      expectClose(arrays.get(reference!)!.data, Float64Array.from(elements), 1e-6, `output ${i}`)
    })
  }

  /** ONNX Runtime computes the same outputs and gradients. */
  async checkRuntime(): Promise<void> {
    const pairs = this.reference.flatMap((reference, i) =>
      [...new Set([this.sample.expected ? null : this.outputs[i], this.lowered[i]])].flatMap((value) =>
        value && reference ? [{ value, reference }] : [],
      ),
    )
    const gradients = this.found.map(({ gradient }) => ({ value: gradient, reference: gradient }))
    await this.compare([...pairs, ...gradients])
  }

  /** ONNX Runtime accepts the graph, which it checks the types of. */
  async checkLoads(): Promise<void> {
    this.model.graph.setOutputs([...this.outputs, ...this.found.map((f) => f.gradient)])
    await session(this.model)
  }

  private checkType(output: Value, array: NdArray): void {
    expect(output.type?.dtype).toBe(array.dtype)
    expect(output.type?.shape?.length).toBe(array.shape.length)
    const dims = output.type!.shape!.map((d, i) =>
      this.isBound(d.atoms()) ? d.evaluate(this.bindings()) : array.shape[i],
    )
    expect(dims).toEqual(array.shape)
    if (output.known) expect(output.known.map((e) => e.evaluate(this.bindings()))).toEqual([...array.data])
  }

  private async compare(pairs: readonly { value: Value; reference: Value }[]): Promise<void> {
    const arrays = this.evaluate(pairs.map((p) => p.reference))
    const results = await this.runInRuntime(pairs.map((p) => p.value))
    pairs.forEach(({ value, reference }, i) => {
      const [got, expected] = [results[i]!, arrays.get(reference)!]
      expect(got.dims).toEqual(expected.shape)
      expect(got.type).toBe(expected.dtype)
      const tolerance = this.sample.tolerance ?? 2e-5
      expectClose(numbersOf(got), expected.data, tolerance, `"${value.name}" in ONNX Runtime`)
    })
  }

  private references(): Value[] {
    return this.reference.filter((v) => v !== null)
  }

  private declare(operand: Operand): Value {
    const dtype = isFloat(operand.dtype) ? this.float : operand.dtype
    if (operand.constant) {
      const value = this.model.graph.addInitializer('constant', Tensor.of(dtype, operand.shape, operand.data))
      prepareInitializer(value)
      return value
    }
    const dims = operand.shape.map((d) => (this.dims === 'static' || d < 2 ? d : `d${d}`))
    const value = this.model.graph.addInput(
      new Value(`input${this.model.graph.inputs.length}`, tensorType(dtype, dims)),
    )
    this.feeds.set(value, { dtype, shape: operand.shape, data: Float64Array.from(operand.data) })
    return value
  }

  /** Weighted sums of the float outputs: of each alone, and of all. */
  private makeLosses(): Value[] {
    const arrays = this.evaluate(this.references())
    const each = this.references()
      .filter((o) => isFloat(o.type?.dtype))
      .map((o) => this.weightedSum(o, arrays.get(o)!))
    return each.length > 1 ? [...each, each.reduce((a, c) => this.b.add(a, c))] : each
  }

  private weightedSum(output: Value, array: NdArray): Value {
    const weights = this.b.constant(
      output.type!.dtype,
      array.shape,
      fill(array.shape, () => random() + 0.5),
    )
    const sum = this.b.emit('ReduceSum', [this.b.mul(output, weights)], { keepdims: 0 })
    return this.b.cast(sum, this.float)
  }

  private wanted(): Value[] {
    return this.model.graph.inputs.filter((v) => isFloat(v.type?.dtype))
  }

  private differentiate(): void {
    for (const loss of this.losses) {
      for (const [input, gradient] of gradients(this.model, standardOps, loss, this.wanted())) {
        this.found.push({ loss, gradient, input })
      }
    }
  }

  private evaluate(wanted: readonly Value[], feeds: Arrays = this.feeds): Arrays {
    return evaluateGraph(this.model.graph, feeds, standardOps, wanted)
  }

  private differences(loss: Value, input: Value): Float64Array {
    const x = this.feeds.get(input)!
    const at = (data: Float64Array): number =>
      this.evaluate([loss], new Map(this.feeds).set(input, { ...x, data })).get(loss)!.data[0]!
    return x.data.map((_, i) => differenceQuotient(at, x.data, i))
  }

  private async runInRuntime(wanted: readonly Value[]): Promise<ort.Tensor[]> {
    this.model.graph.setOutputs(wanted)
    const s = await session(this.model)
    const feeds: Record<string, ort.Tensor> = {}
    this.model.graph.inputs.forEach((v, i) => (feeds[s.inputNames[i]!] = tensorOf(this.feeds.get(v)!)))
    const results = await s.run(feeds)
    await s.release()
    return s.outputNames.map((name) => results[name]!)
  }

  private bindings(): Record<string, number> {
    const sizes = [...this.feeds.values()].flatMap((a) => a.shape)
    return Object.fromEntries(sizes.map((n) => [`d${n}`, n]))
  }

  private isBound(atoms: ReadonlySet<string>): boolean {
    return [...atoms].every((a) => !a.includes('unknown'))
  }
}

/** The elements agree relative to the largest expected one; what is not finite agrees exactly. */
function expectClose(got: Float64Array, expected: Float64Array, tolerance: number, what: string): void {
  expect(got.length, what).toBe(expected.length)
  const scale = expected.reduce((top, x) => (Number.isFinite(x) ? Math.max(top, Math.abs(x)) : top), 1e-3)
  for (let i = 0; i < got.length; i++) {
    const [x, y] = [got[i]!, expected[i]!]
    if (Object.is(x, y) || Math.abs(x - y) <= tolerance * scale) continue
    expect.fail(`${what}, element ${i}: expected ${y}, got ${x}`)
  }
}
