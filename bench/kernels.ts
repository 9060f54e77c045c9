/**
 * Kernels against the bodies of their functions, one function a time, at the sizes that GPT-2 (small) and a Llama of its width
 * have at 512 tokens. Both run in ONNX Runtime on the same operands, in turns.
 *
 *   npm run build && npm run build:kernels && node dist/bench/kernels.js [--threads 2] [--rounds 15] [--tokens 512]
 *
 * Prints markdown. On one thread it measures processor time, which other processes on the machine change less.
 */
import { parseArgs } from 'node:util'
import { ADAMW } from '../kernels/adamw/function.js'
import { KERNEL_FUNCTIONS } from '../kernels/index.js'
import { findKernels, NoKernels } from '../kernels/library.js'
import { functionDef } from '../passes/lowering/kernel-calls.js'
import { adamwFunction } from '../passes/optimizers/kernel.js'
import { openSession, type HostTensor, type Session } from '../runtime/index.js'
import { Expr } from '../src/expr.js'
import { Graph, Model, Node, Value, type Attribute, type FunctionDef } from '../src/ir.js'
import { encodeModel } from '../src/onnx/index.js'
import { DOMAIN } from '../src/ops/dropbp.js'
import { standardOps } from '../src/ops/index.js'
import { markdownTable, median } from './statistics.js'

const { values } = parseArgs({
  options: {
    threads: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '15' },
    tokens: { type: 'string', default: '512' },
  },
})
const [threads, rounds, tokens] = [values.threads, values.rounds, values.tokens].map(Number) as [
  number,
  number,
  number,
]

const HIDDEN = 768
const HEADS = 12
const VOCABULARY = 50257
const PARAMETERS = 20_000_000

type Shapes = readonly (readonly number[])[]

const heads = [1, HEADS, tokens, HIDDEN / HEADS]
const grouped = [1, HEADS / 3, tokens, HIDDEN / HEADS]
const wide = [tokens, 4 * HIDDEN]
const rows = [tokens, HIDDEN]
const mask = [1, 1, tokens, tokens]

/** Shapes of the operands, and the attribute. */
const SIZES: Readonly<Record<string, readonly [Shapes, number?]>> = {
  GeluGrad_f32_v1: [[wide, wide]],
  GeluTanhGrad_f32_v1: [[wide, wide]],
  SwiGLU_f32_v1: [[wide, wide]],
  SwiGLUGrad_f32_v1: [[wide, wide, wide]],
  LayerNormalizationGrad_f32_v1: [[rows, [HIDDEN], rows, [tokens, 1], [tokens, 1]]],
  RMSNormalizationGrad_f32_v1: [[rows, [HIDDEN], rows], 1e-6],
  SoftmaxGrad_f32_v1: [
    [
      [HEADS, tokens, tokens],
      [HEADS, tokens, tokens],
    ],
  ],
  CrossEntropy_f32_v1: [[[tokens, VOCABULARY], [tokens]], -100],
  CrossEntropyGrad_f32_v1: [[[tokens, VOCABULARY], [tokens]], -100],
  Rotary_f32_v1: [[heads, mask.with(3, heads[3]!), mask.with(3, heads[3]!)]],
  RotaryBack_f32_v1: [[heads, mask.with(3, heads[3]!), mask.with(3, heads[3]!)]],
  AttentionCausal_f32_v1: [[heads, heads, heads, mask], 0.125],
  AttentionCausalGrad_f32_v1: [[heads, heads, heads, mask, heads, heads], 0.125],
  AttentionMasked_f32_v1: [[heads, heads, heads, mask], 0.125],
  AttentionMaskedGrad_f32_v1: [[heads, heads, heads, mask, heads, heads], 0.125],
  AttentionGroupedCausal_f32_v1: [[heads, grouped, grouped, mask], 0.125],
  AttentionGroupedCausalGrad_f32_v1: [[heads, grouped, grouped, mask, heads, heads], 0.125],
  EmbeddingGrad_f32_v1: [[[2], [tokens], rows]],
  EmbeddingGradInto_f32_v1: [[[VOCABULARY, HIDDEN], [tokens], rows]],
  [ADAMW.name]: [[...Array(4).fill([PARAMETERS]), [], [1], [], [], [], [1], []], 0],
}

interface Called {
  readonly def: FunctionDef
  readonly outputs: number
  readonly attributes: Readonly<Record<string, 'float' | 'int'>>
}

function called(name: string): Called {
  if (name === ADAMW.name)
    return { def: adamwFunction(standardOps), outputs: ADAMW.outputs, attributes: ADAMW.attributes }
  const fn = KERNEL_FUNCTIONS.find((f) => f.name === name)!
  return { def: functionDef(fn), outputs: fn.outputs, attributes: fn.attributes ?? {} }
}

/** Tokens are a symbol, as in a training graph. */
function modelOf(name: string, shapes: Shapes, attribute: number | undefined): Model {
  const { def, outputs, attributes } = called(name)
  const model = new Model(new Graph(name))
  model.opsets.set('', 20)
  const inputs = shapes.map((shape, i) => {
    const type = {
      dtype: isLabel(name, i) || isShape(name, i) ? 'int64' : 'float32',
      shape: shape.map((d) => (d === tokens ? Expr.symbol('tokens') : Expr.of(d))),
    } as const
    return model.graph.addInput(new Value(`x${i}`, type))
  })
  const given = Object.entries(attributes).map(([key, type]): [string, Attribute] => [
    key,
    { type, value: attribute! },
  ])
  const results = Array.from({ length: outputs }, (_, i) => new Value(`y${i}`, { dtype: 'float32' }))
  model.graph.addNode(new Node(name, inputs, results, given, DOMAIN))
  model.graph.setOutputs(results)
  model.functions.push(def)
  return model
}

/** Labels, or indices of rows. */
function isLabel(name: string, i: number): boolean {
  return /^CrossEntropy|^Embedding/.test(name) && i === 1
}

/** The shape of a table of zeros. */
function isShape(name: string, i: number): boolean {
  return name === 'EmbeddingGrad_f32_v1' && i === 0
}

function operand(name: string, i: number, shape: readonly number[]): HostTensor {
  const size = shape.reduce((n, d) => n * d, 1)
  if (isLabel(name, i))
    return {
      dtype: 'int64',
      shape,
      data: BigInt64Array.from({ length: size }, (_, k) => BigInt((k * 7919) % VOCABULARY)),
    }
  if (isShape(name, i))
    return { dtype: 'int64', shape, data: BigInt64Array.of(BigInt(VOCABULARY), BigInt(HIDDEN)) }
  const isMask = /Causal/.test(name) && i === 3
  const value = (k: number): number => {
    if (isMask) return k % tokens > Math.floor(k / tokens) ? -3.4e38 : 0
    // second moments and hyperparameters must not be negative
    return name === ADAMW.name && i > 2 ? 0.5 : Math.sin(k * 0.37 + i) * 2
  }
  return { dtype: 'float32', shape, data: Float32Array.from({ length: size }, (_, k) => value(k)) }
}

/** Milliseconds. */
function clock(): number {
  if (threads > 1) return performance.now()
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

async function time(session: Session, feeds: Record<string, HostTensor>): Promise<number> {
  const fetches = Object.fromEntries(session.outputs.map((o) => [o, null]))
  const start = clock()
  const results = await session.run(feeds, fetches)
  const spent = clock() - start
  for (const r of Object.values(results)) r.release?.()
  return spent
}

async function compare(name: string, kernels: string): Promise<string[]> {
  const [shapes, attribute] = SIZES[name]!
  const bytes = encodeModel(modelOf(name, shapes, attribute))
  const options = { threads, backend: 'native' as const }
  const sessions = [
    await openSession(name, options, bytes),
    await openSession(name, { ...options, kernels }, bytes),
  ] as const
  const feeds = Object.fromEntries(shapes.map((s, i) => [`x${i}`, operand(name, i, s)]))
  const pairs: [number, number][] = []
  for (let round = -2; round < rounds; round++) {
    const pair: [number, number] = [await time(sessions[0], feeds), await time(sessions[1], feeds)]
    if (round >= 0) pairs.push(pair)
  }
  for (const session of sessions) await session.release()
  const [body, kernel] = [0, 1].map((k) => median(pairs.map((p) => p[k]!))) as [number, number]
  const ratio = median(pairs.map(([a, b]) => a / b))
  return [
    name,
    shapes
      .map((s) => `[${s.join(', ')}]`)
      .slice(0, 2)
      .join(' '),
    body.toFixed(2),
    kernel.toFixed(2),
    `${ratio.toFixed(1)}×`,
  ]
}

const library = findKernels()
if (library instanceof NoKernels) throw new Error(library.reason)
console.error(`kernels for ${library.instructionSet}, ${threads} threads, ${rounds} rounds`)
const table: string[][] = []
for (const name of Object.keys(SIZES)) table.push(await compare(name, library.file))
console.log(markdownTable(['function', 'first operands', 'body, ms', 'kernel, ms', 'ratio'], table))
