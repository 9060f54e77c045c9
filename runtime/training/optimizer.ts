/** One optimizer step on the present gradients: over slices of the parameters where that is possible, else over all at once. */
import path from 'node:path'
import { ADAMW } from '../../kernels/adamw/function.js'
import type { Manifest } from '../../src/manifest.js'
import { scalar, type HostTensor } from '../../src/host-tensor.js'
import type { CompiledModel } from '../manifest.js'
import type { Session, SessionFactory, SessionOptions } from '../session.js'
import type { GradientSet } from './gradients.js'
import { withVectors } from './groups.js'
import type { Slot, TrainingState } from './state.js'

/** Inputs of the optimizer: scalars, or one value a trainable parameter. */
export type OptimizerValues = Readonly<Record<string, number | Float64Array>>

/** Computes the successors of parameters and moments into the buffers that the state has for them. */
export interface OptimizerStep {
  run(state: TrainingState, gradients: GradientSet, values: OptimizerValues): Promise<void>
  release(): Promise<void>
}

/** @param vectors whether `run` is given vectors */
export async function openOptimizer(
  { directory, manifest }: CompiledModel,
  options: SessionOptions,
  factory: SessionFactory,
  vectors: boolean,
): Promise<OptimizerStep> {
  // one pass over memory needs no slices, and no temporaries that would have to fit the cache
  const hasKernel = typeof options.kernels === 'string' && manifest.kernels?.includes(ADAMW.name)
  const slice = hasKernel ? undefined : manifest.optimizer.slice
  const file = path.join(directory, slice?.model ?? manifest.models.optimizer)
  const bytes = vectors && !slice ? withVectors(file, manifest) : undefined
  const session = await factory(file, { spin: false, ...options }, bytes)
  return slice ? new SlicedStep(manifest, slice, session) : new WholeStep(manifest, session)
}

/** All parameters in one run. */
class WholeStep implements OptimizerStep {
  constructor(
    private readonly manifest: Manifest,
    private readonly session: Session,
  ) {}

  async run(state: TrainingState, gradients: GradientSet, values: OptimizerValues): Promise<void> {
    const feeds = state.optimizerFeeds(gradients)
    for (const { name, default: fallback } of this.manifest.optimizer.hyperparameters) {
      const value = values[name] ?? fallback
      feeds[name] =
        typeof value === 'number'
          ? scalar('float32', value)
          : { dtype: 'float32', shape: [value.length], data: Float32Array.from(value) }
    }
    await this.session.run(feeds, state.optimizerFetches(gradients))
  }

  release(): Promise<void> {
    return this.session.release()
  }
}

/** Elements of a slice. What a step of AdamW on so many reads and writes, temporaries included, stays in the cache. */
const SLICE = 2 ** 18

/** A run for every slice of every parameter that has a gradient. */
class SlicedStep implements OptimizerStep {
  constructor(
    private readonly manifest: Manifest,
    private readonly slice: NonNullable<Manifest['optimizer']['slice']>,
    private readonly session: Session,
  ) {}

  async run(state: TrainingState, gradients: GradientSet, values: OptimizerValues): Promise<void> {
    for (const i of state.parameters.keys()) {
      const gradient = gradients.get(i)
      if (gradient) await this.step(state, i, gradient, this.hyperparameters(values, i))
    }
  }

  release(): Promise<void> {
    return this.session.release()
  }

  private async step(
    state: TrainingState,
    i: number,
    gradient: HostTensor,
    hyperparameters: Readonly<Record<string, HostTensor>>,
  ): Promise<void> {
    const { parameter, state: specs } = this.manifest.optimizer
    const { value, moments } = state.slots(i)
    const slots: [{ input: string; output: string; scalar?: boolean }, Slot][] = [
      [parameter, value],
      ...specs.map((spec): [typeof spec, Slot] => [spec, moments.get(spec.name)!]),
    ]
    for (let start = 0; start < gradient.data.length; start += SLICE) {
      const feeds = { ...hyperparameters, [this.slice.gradient]: sliceOf(gradient, start) }
      const fetches: Record<string, HostTensor> = {}
      for (const [{ input, output, scalar }, { value, next }] of slots) {
        feeds[this.named(input)] = scalar ? value : sliceOf(value, start)
        fetches[this.named(output)] = scalar ? next : sliceOf(next, start)
      }
      await this.session.run(feeds, fetches)
    }
  }

  private named(pattern: string): string {
    return pattern.replace('{}', () => this.slice.parameter)
  }

  private hyperparameters(values: OptimizerValues, i: number): Record<string, HostTensor> {
    const own = (value: number | Float64Array): number => (typeof value === 'number' ? value : value[i]!)
    return Object.fromEntries(
      this.manifest.optimizer.hyperparameters.map(({ name, default: fallback }) => [
        name,
        scalar('float32', own(values[name] ?? fallback)),
      ]),
    )
  }
}

/** Elements from `start` on, as a vector. */
function sliceOf({ dtype, data }: HostTensor, start: number): HostTensor {
  const part = data.subarray(start, start + SLICE)
  return { dtype, shape: [part.length], data: part }
}
