/**
 * Tests of passes as programs before and after, in ONNX's textual syntax:
 *
 *     expectPass(pass, 'g (float[2] x) => (float[2] y) { a = Identity (x)  y = Relu (a) }')
 *       .toBecome('g (float[2] x) => (float[2] y) { y = Relu (x) }')
 *
 * The text is parsed, types are inferred, the pass runs, the graph is verified and goes through protobuf once. Programs are
 * compared as graphs: names of intermediates and constants, node names, and the order of nodes do not matter; names of
 * inputs and outputs, attributes, and the order of operands do.
 */
import * as ort from 'onnxruntime-node'
import { expect } from 'vitest'
import { inferGraph } from '../../src/infer.js'
import type { Graph, Model, Node, Value } from '../../src/ir.js'
import { encodeModel, readModel } from '../../src/onnx/index.js'
import type { OpTable } from '../../src/op.js'
import { standardOps } from '../../src/ops/index.js'
import { allGraphs, topologicalOrder } from '../../src/order.js'
import { parseModel, printModel } from '../../src/text.js'
import { verify } from '../../src/verify.js'
import type { CompileContext, CompileOptions, Pass } from '../../passes/pass.js'

/** What is run: a pass of the pipeline, or any function that changes a model. */
export type Transform = Pass | ((model: Model) => void)

export interface ExpectOptions {
  /** Options of the compilation that a `Pass` sees. */
  options?: Partial<CompileOptions>
  /** Changes the context before the pass runs: what earlier passes would have left. */
  prepare?: (ctx: CompileContext) => void
  table?: OpTable
  /** Whether types are inferred first; default true. */
  infer?: boolean
}

/** A context as the pipeline makes it. */
export function contextOf(
  model: Model,
  options: Partial<CompileOptions> = {},
  table = standardOps,
): CompileContext {
  return {
    model,
    table,
    options: {
      loss: { kind: 'auto' },
      train: [],
      freeze: [],
      sites: [],
      optimizer: 'adamw',
      recompute: [],
      precision: 'auto',
      seededDropout: false,
      labelSmoothing: 0,
      unbiased: false,
      kernels: false,
      flat: false,
      outputs: [],
      ...options,
    },
    parameters: [],
    sites: [],
    atMost: new Map(),
    kept: [],
    declined: [],
    notes: [],
  }
}

/** A pass that was run on a program. */
export class PassResult {
  constructor(
    readonly context: CompileContext,
    private readonly before: string,
    private readonly table: OpTable | undefined,
  ) {}

  get model(): Model {
    return this.context.model
  }

  /** The program as it is now; names as the writer gives them. */
  get text(): string {
    return printModel(this.model, { types: false, labels: false, limit: Infinity })
  }

  /** Expects the program that `after` describes. */
  toBecome(after: string): this {
    const expected = parseModel(after)
    verify(expected, 'parsing the expected program')
    if (this.table) inferGraph(expected.graph, expected, this.table)
    const [got, want] = [canonicalText(this.model), canonicalText(expected)]
    if (got === want) return this
    const wantText = printModel(expected, { types: false, labels: false, limit: Infinity })
    // Where only names differ the canonical programs show the difference better.
    if (wantText === this.text) expect(got).toBe(want)
    expect(this.text).toBe(wantText)
    expect(got).toBe(want)
    return this
  }

  /** Expects the pass to have left the program as it was. */
  toStay(): this {
    return this.toBecome(this.before)
  }
}

/** Parses a program, runs a pass on it, verifies the result and sends it through protobuf. */
export function expectPass(transform: Transform, before: string, options: ExpectOptions = {}): PassResult {
  const table = options.table ?? standardOps
  const model = parseModel(before)
  verify(model, 'parsing')
  const infers = options.infer ?? true
  if (infers) inferGraph(model.graph, model, table)
  const ctx = contextOf(model, options.options, table)
  options.prepare?.(ctx)
  if (typeof transform === 'function') transform(model)
  else transform.run(ctx)
  verify(ctx.model, transform.name)
  expectRoundTrip(ctx.model)
  return new PassResult(ctx, before, infers ? table : undefined)
}

/** Expects a model to be the same after being written to protobuf and read again. */
export function expectRoundTrip(model: Model): void {
  const again = readModel(encodeModel(model))
  verify(again, 'reading the written model')
  expect(canonicalText(again)).toBe(canonicalText(model))
}

/**
 * The text of a model in which names of intermediates, the order of nodes and everything that no runtime reads are
 * brought into one form, so that equal programs have equal texts.
 */
export function canonicalText(model: Model): string {
  const copy = readModel(encodeModel(model, { valueInfo: 'none' }))
  copy.producerName = copy.producerVersion = ''
  copy.irVersion = 0
  copy.metadata.clear()
  sortMap(copy.opsets)
  numberValues(copy.graph)
  for (const graph of allGraphs(copy.graph)) {
    graph.name = 'graph'
    sortInitializers(graph)
  }
  return printModel(copy, { types: false, labels: false, limit: Infinity })
}

/** Names everything but the main graph's inputs and outputs by its place in a walk from the results. */
function numberValues(main: Graph): void {
  const named = new Set<Value | null>([null, ...main.inputs, ...main.outputs])
  let next = 0
  const number = (value: Value | null): void => {
    if (value && !named.has(value) && value.name !== '') value.name = `v${next++}`
    named.add(value)
  }
  const visit = (graph: Graph): void => {
    for (const node of reordered(graph)) {
      for (const input of node.inputs) if (input?.data) number(input)
      sortMap(node.attributes)
      for (const [, inner] of node.subgraphs) {
        inner.inputs.forEach(number)
        visit(inner)
      }
      node.outputs.forEach(number)
    }
    graph.outputs.forEach(number)
  }
  visit(main)
}

/** Nodes in the order in which a walk from the results meets them. */
function reordered(graph: Graph): Node[] {
  const first = graph.outputs.map((v) => v.producer).filter((p): p is Node => p?.graph === graph)
  const nodes = new Set([...first, ...graph.nodes])
  graph.nodes.clear()
  for (const node of nodes) graph.nodes.add(node)
  const order = topologicalOrder(graph)
  graph.nodes.clear()
  for (const node of order) graph.nodes.add(node)
  return order
}

function sortMap<T>(map: Map<string, T>): void {
  const entries = [...map].sort(([a], [b]) => (a < b ? -1 : 1))
  map.clear()
  for (const [key, value] of entries) map.set(key, value)
}

function sortInitializers(graph: Graph): void {
  const values = [...graph.initializers].sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }))
  graph.initializers.clear()
  for (const value of values) graph.initializers.add(value)
}

/** Typed array of an input, or plain numbers for the element type that the model declares. */
export interface Feed {
  readonly dtype: ort.Tensor.Type
  readonly dims: readonly number[]
  readonly data: ArrayLike<number>
}

export interface Fetched {
  readonly dims: readonly number[]
  readonly data: number[]
}

const ARRAYS: Partial<Record<ort.Tensor.Type, (data: ArrayLike<number>) => ort.Tensor['data']>> = {
  float32: (data) => Float32Array.from(data),
  float64: (data) => Float64Array.from(data),
  int32: (data) => Int32Array.from(data),
  int64: (data) => BigInt64Array.from(Array.from(data, BigInt)),
  uint8: (data) => Uint8Array.from(data),
  int8: (data) => Int8Array.from(data),
  bool: (data) => Uint8Array.from(data),
}

/** A tensor for `runModel`. */
export function feed(dtype: ort.Tensor.Type, dims: readonly number[], data: ArrayLike<number>): Feed {
  return { dtype, dims, data }
}

/** Runs a model on onnxruntime-node; outputs by name, as plain numbers. */
export async function runModel(
  model: Model | Uint8Array,
  feeds: Readonly<Record<string, Feed>>,
): Promise<Record<string, Fetched>> {
  const bytes = model instanceof Uint8Array ? model : encodeModel(model)
  const session = await ort.InferenceSession.create(bytes, {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
  })
  try {
    const tensors: Record<string, ort.Tensor> = {}
    for (const [name, { dtype, dims, data }] of Object.entries(feeds)) {
      const make = ARRAYS[dtype]
      if (!make) throw new Error(`runModel: no ${dtype} feeds`)
      tensors[name] = new ort.Tensor(dtype, make(data) as never, [...dims])
    }
    const outputs = await session.run(tensors)
    return Object.fromEntries(Object.entries(outputs).map(([name, t]) => [name, fetched(t)]))
  } finally {
    await session.release()
  }
}

function fetched(tensor: ort.Tensor): Fetched {
  return { dims: tensor.dims, data: Array.from(tensor.data as ArrayLike<number | bigint>, Number) }
}
