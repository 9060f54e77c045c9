/** Norms of gradients, as a small graph of their own: ONNX Runtime sums on all threads, which JavaScript cannot. */
import { encodeModel } from '../../src/onnx/index.js'
import { parseModel } from '../../src/text.js'
import { floatsOf, type HostTensor } from '../../src/host-tensor.js'
import type { Session, SessionFactory, SessionOptions } from '../session.js'
import { sumOfSquares, type GradientSet } from './gradients.js'

/** Elements summed in float32, before float64 takes over. */
const COLUMNS = 1024

/**
 * Squared norms of the rows in the tensor's type, their sum in float64. Not by ReduceSumSquare, which takes ONNX Runtime 1.6
 * times as long.
 */
const GRAPH = `<ir_version: 8, opset_import: ["" : 18]>
squared_norm (float[rows, ${COLUMNS}] x) => (double squared_norm) <int64[1] last = {1}> {
  square = Mul(x, x)
  of_row = ReduceSum <keepdims = 0> (square, last)
  wide = Cast <to = 11> (of_row)
  squared_norm = ReduceSum <keepdims = 0> (wide)
}`

/** Elements of a run: their squares stay in the cache. */
const SLICE = 2 ** 20

/** Elements below which a run of the graph takes longer than the sum. */
const SMALL = 2 ** 16

/** Squared norms of gradients; the session is made when a gradient is first large enough for it. */
export class SquaredNorms {
  private session: Promise<Session> | undefined

  constructor(
    private readonly factory: SessionFactory,
    private readonly options: SessionOptions,
  ) {}

  /** Squared norm of each parameter's gradient; zero where it is absent. */
  async of(gradients: GradientSet): Promise<number[]> {
    const norms: number[] = []
    for (const i of gradients.parameters.keys()) norms.push(await this.ofOne(gradients.get(i)))
    return norms
  }

  async release(): Promise<void> {
    await (await this.session)?.release()
  }

  private async ofOne(gradient: HostTensor | undefined): Promise<number> {
    if (!gradient) return 0
    const { dtype, data } = gradient
    if (dtype !== 'float32' || data.length < SMALL) return sumOfSquares(floatsOf(gradient))
    this.session ??= this.factory(
      'squared norm',
      { ...this.options, spin: false },
      encodeModel(parseModel(GRAPH)),
    )
    const session = await this.session
    const whole = data.length - (data.length % COLUMNS)
    let sum = sumOfSquares(floatsOf(gradient).subarray(whole))
    for (let start = 0; start < whole; start += SLICE) {
      const part = data.subarray(start, Math.min(start + SLICE, whole))
      const x = { dtype, shape: [part.length / COLUMNS, COLUMNS], data: part }
      const { squared_norm } = await session.run({ x }, { squared_norm: null })
      sum += floatsOf(squared_norm!)[0]!
    }
    return sum
  }
}

/** Euclidean norm of all gradients together; NaN or infinite where an element is. */
export function globalNorm(squaredNorms: readonly number[]): number {
  return Math.sqrt(squaredNorms.reduce((a, b) => a + b, 0))
}
