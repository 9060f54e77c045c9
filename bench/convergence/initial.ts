/** The model before pretraining: GPT-2's initialisation. */
import type { Model } from '../../src/ir.js'
import { Random } from '../../runtime/index.js'
import { gpt, type GptShape } from '../gpt-text.js'

const DEVIATION = 0.02
const SEED = 0
/** A stream of its own: others of the same seed order data. */
const STREAM = 7

/** Normal weights, those that write to the residual stream scaled by 1/√(2 layers); norms are the identity. */
export function initialModel(shape: GptShape): Model {
  const normal = normals(Random.seeded(SEED, STREAM))
  const residual = DEVIATION / Math.sqrt(2 * shape.layers)
  return gpt(shape, (name, dims) => {
    const size = dims.reduce((n, d) => n * d, 1)
    if (name.endsWith('.bias')) return new Float32Array(size)
    if (/\.ln_\w+\.weight$/.test(name)) return new Float32Array(size).fill(1)
    const deviation = name.endsWith('c_proj.weight') ? residual : DEVIATION
    return Float32Array.from({ length: size }, () => deviation * normal())
  })
}

/** Box and Muller's: √(−2 ln u) cos 2πv of uniform u, v. */
function normals(random: Random): () => number {
  return () => Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform())
}
