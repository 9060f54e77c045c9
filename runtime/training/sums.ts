/** Sums of gradients: by ONNX Runtime where that writes in place, which takes half of JavaScript's time, else in JavaScript. */
import { encodeModel } from '../../src/onnx/index.js'
import { parseModel } from '../../src/text.js'
import type { HostTensor } from '../../src/host-tensor.js'
import type { Session, SessionFactory, SessionOptions } from '../session.js'

/** Elements of a gradient. */
export type Floats = Float32Array | Float64Array

/** target += weight · source, of one type and length. */
export type AddScaled = (target: Floats, source: Floats, weight: number) => void | Promise<void>

const graphOf = (body: string): string => `<ir_version: 8, opset_import: ["" : 18]>
gradient_sum (float[n] target, float[n] source, float[1] weight) => (float[n] sum) { ${body} }`

/** How much of a gradient a run takes: all of it, or, where there is a product between, what stays in the cache. */
const GRAPHS = {
  plain: { text: graphOf('sum = Add(target, source)'), slice: Infinity },
  scaled: { text: graphOf('product = Mul(source, weight)  sum = Add(target, product)'), slice: 2 ** 20 },
} as const

/** Elements below which a run of a graph takes longer than the sum. */
const SMALL = 2 ** 16

/** Sums in place, the same to the bit wherever they are computed; the sessions are made when first needed. */
export class GradientSums {
  private readonly sessions: Partial<Record<keyof typeof GRAPHS, Promise<Session | null>>> = {}

  constructor(
    private readonly factory: SessionFactory,
    private readonly options: SessionOptions,
  ) {}

  readonly add: AddScaled = async (target, source, weight) => {
    const kind = weight === 1 ? 'plain' : 'scaled'
    const isLarge = target instanceof Float32Array && target.length >= SMALL
    const session = isLarge ? await (this.sessions[kind] ??= this.open(kind)) : null
    if (!session) return addScaled(target, source, weight)
    const { slice } = GRAPHS[kind]
    const factor = vector(Float32Array.of(weight))
    for (let start = 0; start < target.length; start += slice) {
      const part = vector(target.subarray(start, start + slice))
      const feeds = { target: part, source: vector(source.subarray(start, start + slice)), weight: factor }
      await session.run(feeds, { sum: part })
    }
  }

  async release(): Promise<void> {
    for (const session of Object.values(this.sessions)) await (await session)?.release()
  }

  /** Other sessions copy what they write in place, which takes longer than the sum. */
  private async open(kind: keyof typeof GRAPHS): Promise<Session | null> {
    const bytes = encodeModel(parseModel(GRAPHS[kind].text))
    const session = await this.factory('gradient sum', { ...this.options, spin: false }, bytes)
    if (session.backend?.name === 'native') return session
    await session.release()
    return null
  }
}

function vector(data: Floats): HostTensor {
  return { dtype: 'float32', shape: [data.length], data }
}

/** In JavaScript. Float32 is rounded after the product and after the sum, as float32 arithmetic does. */
export const addScaled: AddScaled = (target, source, weight) => {
  if (target instanceof Float32Array) addSingles(target, source, Math.fround(weight))
  else for (let i = 0; i < target.length; i++) target[i]! += weight * source[i]!
}

/** Four elements at a time, which takes V8 half the time. */
function addSingles(target: Float32Array, source: Floats, weight: number): void {
  const whole = target.length - (target.length % 4)
  for (let i = 0; i < whole; i += 4) {
    target[i]! += Math.fround(weight * source[i]!)
    target[i + 1]! += Math.fround(weight * source[i + 1]!)
    target[i + 2]! += Math.fround(weight * source[i + 2]!)
    target[i + 3]! += Math.fround(weight * source[i + 3]!)
  }
  for (let i = whole; i < target.length; i++) target[i]! += Math.fround(weight * source[i]!)
}
