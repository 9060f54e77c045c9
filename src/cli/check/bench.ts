/** A compiled directory on the test bench: its graphs, its weights, and one random batch. */
import path from 'node:path'
import {
  openSession,
  Random,
  trainableParameters,
  type Session,
  type TrainableSpec,
} from '../../../runtime/index.js'
import { evaluateExpr } from '../../expr.js'
import { type HostTensor, floatsOf, int64, scalar, zeros } from '../../host-tensor.js'
import type { Model, Value } from '../../ir.js'
import type { Manifest } from '../../manifest.js'
import { readSafetensors } from '../../safetensors.js'
import { isFloat, type DType } from '../../types.js'
import { randomInput, randomLabels, type Dims } from './data.js'

/** Tensors by name. */
export type Tensors = Record<string, HostTensor>

/** What is checked. */
export interface CheckSubject {
  directory: string
  manifest: Manifest
  /** The source model and the file it was read from. */
  source: Model
  sourceFile: string
  /** Which of the source model's outputs the loss is, or is computed from. */
  lossOutput: number
  /** Names of the sites whose branch alone reads a parameter, by its name. */
  owners: ReadonlyMap<string, readonly string[]>
  /** Whether the training graph is ungated: gradients of dropped branches are zeros. */
  flat: boolean
}

/** A loss and gradients by parameter name. */
export interface Backward {
  loss: number
  gradients: ReadonlyMap<string, HostTensor>
}

/** Relative rounding error of the half types. */
const ROUNDING: Readonly<Record<string, number>> = { float16: 2 ** -11, bfloat16: 2 ** -8 }

/** What a check works with. Sessions are opened one at a time. */
export class Bench {
  readonly manifest: Manifest
  readonly source: Model
  /** The source model's inputs, and those of them that the compiled graphs have. */
  readonly sourceInputs: Tensors
  readonly inputs: Tensors
  readonly labels: HostTensor | null
  /** Trainable parameters by name. */
  readonly weights: ReadonlyMap<string, HostTensor>
  readonly trainable: readonly TrainableSpec[]
  /** Relative rounding error of a loss. */
  readonly resolution: number
  /** Relative rounding error of the source model. */
  private readonly sourceResolution: number
  private readonly opened = new Map<string, Session>()

  constructor(
    readonly subject: CheckSubject,
    dims: Dims,
  ) {
    const { manifest, source, directory } = subject
    const random = Random.seeded(1)
    this.manifest = manifest
    this.source = source
    this.sourceInputs = randomInputs(source, manifest, dims, random)
    this.inputs = Object.fromEntries(manifest.inputs.map(({ name }) => [name, this.sourceInputs[name]!]))
    this.labels = manifest.loss.labels && randomLabels(manifest.loss, dims, random)
    this.weights = readSafetensors(path.join(directory, manifest.checkpoint))
    this.trainable = trainableParameters(manifest)
    this.resolution = ROUNDING[manifest.arithmetic ?? ''] ?? 2 ** -24
    const types = manifest.parameters.map((p) => ROUNDING[p.source.dtype ?? ''] ?? 2 ** -24)
    this.sourceResolution = Math.max(...types)
  }

  /** What float32 graphs must reach, loosened for half precision. */
  tolerance(float32: number): number {
    return Math.max(float32, this.resolution > 2 ** -20 ? 40 * this.resolution : 0)
  }

  /** The same for comparisons with the source model, which computes in its own type. */
  sourceTolerance(float32: number): number {
    return Math.max(float32, this.sourceResolution > 2 ** -20 ? 40 * this.sourceResolution : 0)
  }

  async open(model: keyof Manifest['models'] | 'source'): Promise<Session> {
    const old = this.opened.get(model)
    if (old) return old
    await this.release()
    const { directory, sourceFile } = this.subject
    const file = model === 'source' ? sourceFile : path.join(directory, this.manifest.models[model])
    const session = await openSession(file, { spin: false, prepack: false })
    this.opened.set(model, session)
    return session
  }

  async release(): Promise<void> {
    for (const session of this.opened.values()) await session.release()
    this.opened.clear()
  }

  /** Runs a session and returns all its outputs, or some. */
  run(session: Session, feeds: Tensors, outputs: readonly string[] = session.outputs): Promise<Tensors> {
    return session.run(feeds, Object.fromEntries(outputs.map((name) => [name, null])))
  }

  /** The evaluation graph's loss, some parameters replaced. */
  async loss(replaced: Tensors = {}): Promise<number> {
    const session = await this.open('eval')
    const results = await this.run(session, { ...this.feeds(), ...replaced })
    return numbersOf(results[this.manifest.loss.output]!)[0]!
  }

  /** The training graph's loss and gradients under a mask. */
  async backward(mask: readonly boolean[]): Promise<Backward> {
    const session = await this.open('training')
    const keeps = this.manifest.sites.map((site, i) => [site.keep, scalar('bool', mask[i]!)] as const)
    const { scale } = this.manifest.loss
    const { dropout } = this.manifest
    const scaled = {
      ...(scale && { [scale.input]: scalar('float32', scale.default) }),
      ...(dropout && { [dropout.seed]: int64(1) }),
    }
    const factors = this.manifest.sites.flatMap(({ scale }) =>
      scale === undefined ? [] : [[scale, scalar('float32', 1)] as const],
    )
    const gates = Object.fromEntries<HostTensor>([...keeps, ...factors])
    const results = await this.run(session, { ...this.feeds(), ...scaled, ...gates })
    return {
      loss: numbersOf(results[this.manifest.loss.output]!)[0]!,
      gradients: new Map(this.trainable.map((p) => [p.name, results[p.gradient]!])),
    }
  }

  private feeds(): Tensors {
    const { labels } = this.manifest.loss
    const weights = this.trainable.map((p) => [p.input, this.weights.get(p.name)!] as const)
    return { ...this.inputs, ...(labels && { [labels.name]: this.labels! }), ...Object.fromEntries(weights) }
  }
}

/** Inputs of the source model; those that compiling took away are what it took them for: an empty cache, no cache branch. */
function randomInputs(source: Model, manifest: Manifest, dims: Dims, random: Random): Tensors {
  const kept = new Map(manifest.inputs.map((spec) => [spec.name, spec]))
  return Object.fromEntries(
    source.graph.inputs.map((input) => {
      const spec = kept.get(input.name)
      return [input.name, spec ? randomInput(spec, dims, random) : absentInput(input, dims)]
    }),
  )
}

/** Zeros, empty along every dimension that no input of the compiled graphs has. */
function absentInput({ type }: Value, dims: Dims): HostTensor {
  const shape = type!.shape!.map((d) => {
    const known = Object.fromEntries([...d.symbols()].map((name) => [name, dims[name] ?? 0]))
    return evaluateExpr(String(d), known)
  })
  return zeros(type!.dtype, shape)
}

/** The elements as numbers. */
export function numbersOf(tensor: HostTensor): ArrayLike<number> {
  if (isFloat(tensor.dtype as DType)) return floatsOf(tensor)
  return Array.from(tensor.data as ArrayLike<number | bigint>, Number)
}
