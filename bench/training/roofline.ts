/**
 * The roofline: how fast ONNX Runtime multiplies matrices of the shapes that the model has. What a step's FLOPs would take at
 * the best of these rates is the least that any float32 implementation on its kernels can take.
 */
import { openSession, type CompiledModel, type HostTensor, type Session } from '../../runtime/index.js'
import { encodeModel } from '../../src/onnx/index.js'
import { parseModel } from '../../src/text.js'

/** A product of [m, k] and [k, n]; `operation` tells what it is of a linear layer. */
export interface Product {
  operation: keyof typeof OPERATIONS
  m: number
  k: number
  n: number
}

export interface Roofline {
  threads: number
  products: (Product & { gflops: number })[]
  /** FLOPs per second of the fastest. */
  peak: number
}

/** Attributes of the Gemm, as the compiler emits it: y = x·w, dx = dy·wᵀ, dw = xᵀ·dy. */
const OPERATIONS = { forward: '', input: '<transB = 1>', weight: '<transA = 1>' } as const
/** A product is repeated until so much time is spent on it, and so often at least. */
const SPENT_MS = 300
const REPEATS = 5

/** The products of a model's linear layers with so many tokens, each shape once; adapters are too thin to be fast. */
export function productsOf({ manifest }: CompiledModel, tokens: number): Product[] {
  const matrices = manifest.parameters.filter(
    ({ name, shape }) => shape.length === 2 && !name.includes('lora_'),
  )
  const { classes } = manifest.loss
  const products = matrices.flatMap(({ shape, sites }): Product[] => {
    const isHead = classes !== undefined && shape.includes(classes)
    if (!isHead && sites.length === 0) return []
    // a tied head is stored as its embedding is
    const [k, n] = (isHead && shape[0] === classes ? [shape[1], shape[0]] : shape) as [number, number]
    return [
      { operation: 'forward', m: tokens, k, n },
      { operation: 'input', m: tokens, k: n, n: k },
      { operation: 'weight', m: k, k: tokens, n },
    ]
  })
  return [...new Map(products.map((p) => [JSON.stringify(p), p])).values()]
}

/** Multiplies them, one after the other. */
export async function measureRoofline(products: readonly Product[], threads: number): Promise<Roofline> {
  const measured: Roofline['products'] = []
  for (const product of products) measured.push({ ...product, gflops: await rate(product, threads) })
  return { threads, products: measured, peak: 1e9 * Math.max(...measured.map((p) => p.gflops)) }
}

async function rate({ operation, m, k, n }: Product, threads: number): Promise<number> {
  const a = operation === 'weight' ? [k, m] : [m, k]
  const b = operation === 'input' ? [n, k] : [k, n]
  const program = `<ir_version: 10, opset_import: ["" : 20]>
    product (float[${a}] a, float[${b}] b) => (float[${[m, n]}] c) { c = Gemm ${OPERATIONS[operation]} (a, b) }`
  const session = await openSession('product', { threads }, encodeModel(parseModel(program)))
  const feeds = { a: operand(a), b: operand(b) }
  let best = Infinity
  let spent = 0
  for (let i = 0; i < REPEATS || spent < SPENT_MS; i++) {
    const milliseconds = await time(session, feeds)
    best = Math.min(best, milliseconds)
    spent += milliseconds
  }
  await session.release()
  return (2 * m * k * n) / best / 1e6
}

function operand(shape: number[]): HostTensor {
  const [rows, columns] = shape as [number, number]
  return {
    dtype: 'float32',
    shape,
    data: Float32Array.from({ length: rows * columns }, (_, i) => ((i % 251) - 125) / 125),
  }
}

async function time(session: Session, feeds: Readonly<Record<string, HostTensor>>): Promise<number> {
  const start = performance.now()
  const { c } = await session.run(feeds, { c: null })
  const milliseconds = performance.now() - start
  c!.release?.()
  return milliseconds
}
