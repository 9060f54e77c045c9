/** Gradients of a random projection of a case's float outputs, against differences in float64. */
import { gradients } from '../../../passes/differentiate.js'
import { Builder } from '../../../src/builder.js'
import { Node, type Value } from '../../../src/ir.js'
import type { NdArray } from '../../../src/op.js'
import { standardOps } from '../../../src/ops/index.js'
import { isFloat } from '../../../src/types.js'
import { stepOf } from '../../helpers/differences.js'
import { arraysOf } from './forward.js'
import { Reference, type Prepared } from './model.js'
import { failed, none, type Outcome } from './result.js'

/** Relative to the largest element. */
const TOLERANCE = 1e-5
/** Inputs of more elements are checked at some of them and along some directions; those of very many along one. */
const ALL = 32
const SOME = 8
const DIRECTIONS = 2
const MANY = 4096

/**
 * Differentiates the model, which is changed.
 * @throws CompileError where the compiler refuses to
 */
export function checkGradient(prepared: Prepared, notes: string[]): Outcome {
  const { model } = prepared
  const floats = model.graph.inputs.filter((v) => isFloat(v.type?.dtype) && prepared.feeds.has(v))
  const steering = floats.filter((v) => steers(v))
  const inputs = floats.filter((v) => !steering.includes(v))
  if (inputs.length === 0) return none('no input of a float type that is computed with')
  const outputs = model.graph.outputs.filter((v) => isFloat(v.type?.dtype))
  if (outputs.length === 0) return none('no output of a float type')
  if (steering.length > 0) notes.push(`${steering.map((v) => v.name).join(', ')}: ${STEERING}`)
  const feeds = arraysOf(prepared)
  const loss = projection(prepared, outputs, new Reference(model).run(feeds))
  model.graph.setOutputs([loss])
  const forward = new Reference(model)
  const found = gradients(model, standardOps, loss, inputs)
  const reached = inputs.filter((v) => found.has(v))
  model.graph.setOutputs([loss, ...reached.map((v) => found.get(v)!)])
  const check = new Check(forward, new Reference(model), feeds, notes)
  if (reached.length === 0)
    return check.isFlat(inputs)
      ? none('piecewise constant')
      : failed('the outputs depend on a float input, and no gradient is given')
  return check.run(inputs, reached)
}

const STEERING = 'says where to look or what to drop; no gradient is defined for it'

/** Float operands that say where to look or what to drop, by operator. */
const STEERED: Readonly<Record<string, readonly number[]>> = { Dropout: [1], Resize: [1, 2], Upsample: [1] }

function steers(value: Value): boolean {
  const uses = [...value.uses]
  return (
    uses.length > 0 &&
    uses.every(({ user, index }) => user instanceof Node && STEERED[user.op]?.includes(index))
  )
}

let seed = 1

/** A reproducible number in [0, 1). */
function random(): number {
  seed = (seed * 48271) % 2147483647
  return seed / 2147483647
}

/** Σ w·y over all finite elements of the float outputs, w random in [0.5, 1.5). */
function projection({ model }: Prepared, outputs: readonly Value[], values: readonly NdArray[]): Value {
  const b = new Builder(model, model.graph, standardOps)
  const terms = outputs.map((y) => {
    const { shape, data } = values[model.graph.outputs.indexOf(y)]!
    const weights = b.constant(
      y.type!.dtype,
      shape,
      data.map(() => 0.5 + random()),
    )
    const finite = data.map((x) => Number(Number.isFinite(x)))
    const kept = finite.includes(0)
      ? b.emit('Where', [b.constant('bool', shape, finite), y, b.scalarLike(y, 0)])
      : y
    const sum = b.emit('ReduceSum', [b.mul(kept, weights)], { keepdims: 0 })
    return b.cast(sum, 'float32')
  })
  return terms.reduce((sum, term) => b.add(sum, term))
}

type Feeds = ReadonlyMap<Value, NdArray>

/** The loss along a line through the inputs. */
type Line = (t: number) => number

/** Whether the loss does not come closer to its value here as the distance shrinks, or is undefined beside it. */
function steps(line: Line, h: number): boolean {
  const here = line(0)
  const jump = (t: number) => Math.max(Math.abs(line(t) - here), Math.abs(line(-t) - here))
  const [far, near] = [jump(h), jump(h / 100)]
  return Number.isNaN(far) || near > far / 2
}

class Check {
  private kinks = 0

  constructor(
    /** Computes the loss. */
    private readonly forward: Reference,
    /** Computes the loss and its gradients. */
    private readonly backward: Reference,
    private readonly feeds: Feeds,
    private readonly notes: string[],
  ) {}

  /** Whether the loss is constant around a point near the inputs, which may themselves lie at a step. */
  isFlat(inputs: readonly Value[]): boolean {
    const near = new Map(inputs.map((v) => [v, this.randomDirection(v)]))
    const at = this.loss(this.moved(near, 1e-4))
    return [1.01e-4, 0.99e-4].every((h) => this.loss(this.moved(near, h)) === at)
  }

  run(inputs: readonly Value[], reached: readonly Value[]): Outcome {
    const results = this.backward.run(this.feeds)
    const given = new Map(reached.map((v, i) => [v, results[i + 1]!]))
    const got = new Map(inputs.map((v) => [v, given.get(v) ?? this.zerosLike(v)]))
    for (const [v, g] of got) {
      const x = this.feeds.get(v)!
      if (String(g.shape) !== String(x.shape))
        return failed(`gradient of ${v.name}: shape [${g.shape}], that of the input is [${x.shape}]`)
    }
    const wrong = inputs.map((v) => this.checkInput(v, got.get(v)!.data)).find((m) => m !== undefined)
    if (this.kinks > 0)
      this.notes.push(`not differentiable at ${this.kinks} of the places that were looked at`)
    return wrong === undefined ? 'ok' : failed(wrong)
  }

  private zerosLike(v: Value): NdArray {
    const x = this.feeds.get(v)!
    return { ...x, data: new Float64Array(x.data.length) }
  }

  private checkInput(v: Value, g: Float64Array): string | undefined {
    const { data } = this.feeds.get(v)!
    const all = [...data.keys()].filter((i) => Number.isFinite(data[i]))
    const few = data.length > ALL
    const some = data.length > MANY ? 0 : SOME
    const chosen = few ? Array.from({ length: some }, () => all[Math.floor(random() * all.length)]!) : all
    const scale = g.reduce((top, x) => Math.max(top, Math.abs(x)), 1e-3)
    for (const i of chosen) {
      const unit = new Float64Array(data.length)
      unit[i] = 1
      const wrong = this.checkLine(this.line(v, unit), stepOf(data[i]!), g[i]!, scale)
      if (wrong) return `gradient of ${v.name}, element ${i}: ${wrong}`
    }
    if (!few || all.length < data.length || this.kinks > 0) return undefined
    for (let k = 0; k < (some > 0 ? DIRECTIONS : 1); k++) {
      const direction = this.randomDirection(v)
      const slope = direction.reduce((sum, d, i) => sum + d * g[i]!, 0)
      const size = scale * Math.sqrt(data.length)
      const wrong = this.checkLine(this.line(v, direction), 1e-6, slope, size)
      if (wrong) return `gradient of ${v.name} along a direction: ${wrong}`
    }
    return undefined
  }

  /**
   * The slope is the central difference's, or at a kink lies between those of the two sides. Where the function steps, or ends,
   * there is nothing to compare with.
   */
  private checkLine(line: Line, h: number, slope: number, scale: number): string | undefined {
    const [below, here, above] = [line(-h), line(0), line(h)]
    const central = (above - below) / (2 * h)
    const rounding = (2e-15 * Math.abs(here)) / h
    const tolerance = TOLERANCE * Math.max(scale, Math.abs(central)) + rounding
    if (Math.abs(slope - central) <= tolerance) return undefined
    const sides = [(above - here) / h, (here - below) / h]
    const [low, high] = [Math.min(...sides), Math.max(...sides)]
    const bent = high - low > 100 * tolerance
    const between = slope >= low - tolerance && slope <= high + tolerance
    if ((bent && between) || steps(line, h)) {
      this.kinks++
      return undefined
    }
    return `expected ${central}${bent ? ` (from below ${sides[1]}, from above ${sides[0]})` : ''}, got ${slope}`
  }

  private line(v: Value, direction: Float64Array): Line {
    return (t) => this.loss(this.moved(new Map([[v, direction]]), t))
  }

  private moved(directions: ReadonlyMap<Value, Float64Array>, t: number): Feeds {
    const feeds = new Map(this.feeds)
    for (const [v, direction] of directions) {
      const x = this.feeds.get(v)!
      feeds.set(v, { ...x, data: x.data.map((e, i) => e + t * direction[i]!) })
    }
    return feeds
  }

  private loss(feeds: Feeds): number {
    return this.forward.run(feeds)[0]!.data[0]!
  }

  private randomDirection(v: Value): Float64Array {
    return this.feeds.get(v)!.data.map(() => 2 * random() - 1)
  }
}
