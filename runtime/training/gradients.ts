/** Gradients: one a parameter, absent where a step computed none. */
import { DropBPError } from '../../src/errors.js'
import type { TrainableSpec } from '../dropbp/presence.js'
import { floatsOf, type HostTensor } from '../../src/host-tensor.js'
import type { ResultTensor } from '../session.js'
import { addScaled, type AddScaled, type Floats } from './sums.js'

/** The gradients of one step or micro-batch. */
export class GradientSet {
  private readonly buffers: (ResultTensor | undefined)[]
  private present: boolean[]

  constructor(readonly parameters: readonly TrainableSpec[]) {
    this.buffers = parameters.map(() => undefined)
    this.present = parameters.map(() => false)
  }

  /** The gradient of parameter `i`; undefined where it is absent. */
  get(i: number): HostTensor | undefined {
    return this.present[i] ? this.buffers[i] : undefined
  }

  /**
   * Declares which gradients the next computation gives, and drops the last one's, so that their memory is free meanwhile:
   * nobody may read those any more.
   */
  expect(present: readonly boolean[]): void {
    this.present = [...present]
    for (const gradient of this.buffers) gradient?.release?.()
    this.buffers.fill(undefined)
  }

  /** Whether the next computation gives the gradient of parameter `i`. */
  expects(i: number): boolean {
    return this.present[i]!
  }

  /** Takes over what was computed for parameter `i`. */
  set(i: number, gradient: ResultTensor): void {
    this.buffers[i] = gradient
  }

  /**
   * this += weight · other; a gradient that was absent here takes over the other's buffer. Nobody may read or write either
   * set until it is done.
   */
  async accumulate(other: GradientSet, weight: number, add: AddScaled = addScaled): Promise<void> {
    for (const [i, { name }] of this.parameters.entries()) {
      const more = other.get(i)
      if (!more) continue
      const wasPresent = this.present[i]
      if (!wasPresent) this.exchange(other, i)
      const own = writable(this.buffers[i]!, name)
      if (wasPresent) await add(own, writable(more, name), weight)
      else if (weight !== 1) scaleBy(own, weight)
    }
  }

  /** Multiplies every present gradient. */
  scale(factor: number): void {
    this.forEachPresent((data) => scaleBy(data, factor))
  }

  private forEachPresent(visit: (data: Floats, i: number) => void): void {
    this.parameters.forEach(({ name }, i) => {
      if (this.present[i]) visit(writable(this.buffers[i]!, name), i)
    })
  }

  private exchange(other: GradientSet, i: number): void {
    const kept = this.buffers[i]
    this.buffers[i] = other.buffers[i]
    other.buffers[i] = kept
    other.present[i] = false
    this.present[i] = true
  }
}

function writable(tensor: HostTensor, name: string): Floats {
  const data = floatsOf(tensor)
  if (data === tensor.data) return data
  throw new DropBPError(
    'gradient-type',
    `gradient of "${name}" is ${tensor.dtype}; gradients are accumulated and clipped in float32 or float64`,
  )
}

function scaleBy(target: Floats, factor: number): void {
  for (let i = 0; i < target.length; i++) target[i]! *= factor
}

/** Sum of squares in float64, with four chains, so that additions overlap. */
export function sumOfSquares(x: Floats): number {
  let a = 0
  let b = 0
  let c = 0
  let d = 0
  const whole = x.length - (x.length % 4)
  for (let i = 0; i < whole; i += 4) {
    a += x[i]! * x[i]!
    b += x[i + 1]! * x[i + 1]!
    c += x[i + 2]! * x[i + 2]!
    d += x[i + 3]! * x[i + 3]!
  }
  for (let i = whole; i < x.length; i++) a += x[i]! * x[i]!
  return a + b + c + d
}
