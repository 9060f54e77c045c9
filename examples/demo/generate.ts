/** Text from an exported byte-level language model, to look at. */
import { openSession, Random } from '../../runtime/index.js'

/** One less than the model was trained on: nothing was ever predicted from its last position. */
const CONTEXT = 127
const TEMPERATURE = 0.5
const SEED = 3

/** Continues `prompt` by `length` bytes; the same draws for every model. */
export async function generate(model: string, prompt: string, length: number): Promise<string> {
  const session = await openSession(model, { spin: false })
  const random = Random.seeded(SEED)
  const bytes = [...Buffer.from(prompt, 'latin1')]
  for (let i = 0; i < length; i++) {
    const window = bytes.slice(-CONTEXT)
    const ids = { dtype: 'int64', shape: [1, window.length], data: BigInt64Array.from(window, BigInt) }
    const { logits } = await session.run({ input_ids: ids }, { logits: null })
    bytes.push(draw((logits!.data as Float32Array).slice(-256), random.uniform()))
  }
  await session.release()
  return Buffer.from(bytes).toString('latin1')
}

/** The class at the point `u` of the distribution softmax(logits / temperature). */
function draw(logits: Float32Array, u: number): number {
  const top = Math.max(...logits)
  const weights = logits.map((x) => Math.exp((x - top) / TEMPERATURE))
  let left = u * weights.reduce((a, b) => a + b, 0)
  return Math.max(
    0,
    weights.findIndex((w) => (left -= w) < 0),
  )
}
