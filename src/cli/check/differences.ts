/** Directional derivatives by central differences, with an error bar. */
import { floatsOf, type HostTensor } from '../../host-tensor.js'
import { fromNumbers } from './data.js'

/** One tensor to move, and the gradient that is under test; null where it is absent. */
export interface Movable {
  value: HostTensor
  gradient: HostTensor | null
}

/** How far a computed gradient is from the loss's slope in one direction. */
export interface Disagreement {
  /** |g·d − slope|, as a share of the size that g·d has in a random direction. */
  error: number
  /** Uncertainty of the slope, in the same unit. */
  bar: number
}

/** Loss with the tensors replaced. */
export type LossAt = (values: readonly HostTensor[]) => Promise<number>

/** Tensors without size of their own (zero biases) move by this much. */
const LEAST_SCALE = 0.05
/** Steps are shares of a tensor's root mean square. */
const LARGEST_STEP = 0.5
const SMALLEST_STEP = 1e-6
/** Rounding of the slope that a first step is chosen for: short steps, since kinks (ReLU) hurt long ones more. */
const ROUNDING = 5e-3

/**
 * Compares gradients with the slope of the loss along one random direction of signs. Each tensor moves in proportion to its
 * own size. The step is shortened until the difference of two steps (curvature, kinks) and rounding balance.
 * @param resolution relative rounding error of a loss
 */
export async function compareAlong(
  tensors: readonly Movable[],
  lossAt: LossAt,
  seed: number,
  loss: number,
  resolution: number,
): Promise<Disagreement> {
  const direction = new Direction(tensors, seed)
  const noise = resolution * Math.max(Math.abs(loss), 1e-3)
  const unit = Math.max(direction.expected, noise / LARGEST_STEP)
  let best: Disagreement = { error: Infinity, bar: Infinity }
  let step = Math.min(LARGEST_STEP, (2 * noise) / (ROUNDING * unit))
  for (; step > SMALLEST_STEP; step /= 4) {
    const [long, short] = [await direction.excess(2 * step, lossAt), await direction.excess(step, lossAt)]
    const rounding = (2 * noise) / step
    const change = Math.abs(long - short)
    const bar = (change + rounding) / unit
    if (bar < best.bar) best = { error: Math.abs(short) / unit, bar }
    if (change < rounding) break
  }
  return best
}

class Direction {
  private readonly scales: readonly number[]
  /** Root mean square of g·d over random signs. */
  readonly expected: number

  constructor(
    private readonly tensors: readonly Movable[],
    private readonly seed: number,
  ) {
    this.scales = tensors.map((t) => Math.max(Math.sqrt(meanSquare(t.value)), LEAST_SCALE))
    const squares = tensors.map((t, i) =>
      t.gradient ? this.scales[i]! ** 2 * meanSquare(t.gradient) * t.gradient.data.length : 0,
    )
    this.expected = Math.sqrt(squares.reduce((a, b) => a + b, 0))
  }

  /** The loss's slope over ±step less what the gradients say of the very same move, rounding of the weights included. */
  async excess(step: number, lossAt: LossAt): Promise<number> {
    const plus = this.tensors.map((t, i) => this.moved(t.value, i, step))
    const above = await lossAt(plus)
    const minus = this.tensors.map((t, i) => this.moved(t.value, i, -step))
    const below = await lossAt(minus)
    const predicted = this.tensors.reduce(
      (sum, t, i) => sum + (t.gradient ? dotDifference(t.gradient, plus[i]!, minus[i]!) : 0),
      0,
    )
    return (above - below - predicted) / (2 * step)
  }

  private moved(value: HostTensor, index: number, step: number): HostTensor {
    const from = floatsOf(value)
    const amount = this.scales[index]! * step
    const half = value.dtype.endsWith('16')
    const to = half ? new Float64Array(from.length) : from.slice()
    const signs = new Signs(this.seed * 7919 + index)
    for (let i = 0; i < from.length; i++) to[i] = from[i]! + (signs.next() ? amount : -amount)
    return half ? fromNumbers(value.dtype, value.shape, to) : { ...value, data: to }
  }
}

/** Random bits: xorshift32, a word at a time. */
class Signs {
  private state: number
  private word = 0
  private left = 0

  constructor(seed: number) {
    this.state = (Math.imul(seed + 1, 0x9e3779b1) ^ 0x85ebca6b) | 1
    for (let i = 0; i < 8; i++) this.step()
  }

  next(): boolean {
    if (this.left === 0) {
      this.word = this.step()
      this.left = 31
    }
    this.left--
    const bit = this.word & 1
    this.word >>>= 1
    return bit === 1
  }

  private step(): number {
    let x = this.state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.state = x
    return x >>> 1
  }
}

function meanSquare(tensor: HostTensor): number {
  const values = floatsOf(tensor)
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i]! ** 2
  return values.length === 0 ? 0 : sum / values.length
}

function dotDifference(gradient: HostTensor, a: HostTensor, b: HostTensor): number {
  const [g, x, y] = [floatsOf(gradient), floatsOf(a), floatsOf(b)]
  let sum = 0
  for (let i = 0; i < g.length; i++) sum += g[i]! * (x[i]! - y[i]!)
  return sum
}
