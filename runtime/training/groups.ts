/** Parameter groups: learning rates and weight decay of their own for some parameters. */
import picomatch from 'picomatch'
import { UsageError } from '../../src/errors.js'
import type { Manifest } from '../../src/manifest.js'
import { encodeModel, loadModel } from '../../src/onnx/index.js'
import { tensorType } from '../../src/types.js'
import { trainableParameters, type TrainableSpec } from '../dropbp/presence.js'
import type { Decayed } from './choices.js'

/** Parameters that are trained otherwise than the rest; the first group that matches counts. */
export interface ParameterGroup {
  /** Globs over parameter names; `*` crosses dots. */
  parameters: string | readonly string[]
  /** Multiplies the schedule's learning rate. */
  learningRateScale?: number
  weightDecay?: number
}

export interface GroupOptions {
  groups?: readonly ParameterGroup[]
  /** `matrices` where the compiled optimizer takes values for each parameter, else `all`. */
  decayed?: Decayed
}

/** Values for each trainable parameter, in the manifest's order. */
export interface PerParameter {
  learningRateScale: Float64Array
  weightDecay: Float64Array
}

/**
 * Resolves groups.
 * @param weightDecay of parameters in no group
 * @returns null where all parameters are trained alike
 * @throws UsageError `no-groups` where the compiled optimizer takes one value for all, `no-such-parameter`
 */
export function resolveGroups(
  manifest: Pick<Manifest, 'parameters' | 'optimizer'>,
  { groups = [], decayed }: GroupOptions,
  weightDecay: number,
): PerParameter | null {
  const { perParameter = [] } = manifest.optimizer
  const able = perParameter.includes('weight_decay') && perParameter.includes('learning_rate')
  if (!able && (groups.length > 0 || decayed === 'matrices')) {
    throw new UsageError(
      'no-groups',
      'the compiled optimizer takes one learning rate and weight decay for all parameters; compile the model again',
    )
  }
  if (!able) return null
  const parameters = trainableParameters(manifest)
  const matching = groups.map((group) => matcher(group, parameters))
  const own = parameters.map((p) => groups[matching.findIndex((matches) => matches(p.name))])
  const fallback = (p: TrainableSpec): number => (decayed === 'all' || p.shape.length > 1 ? weightDecay : 0)
  const decays = Float64Array.from(parameters, (p, i) => own[i]?.weightDecay ?? fallback(p))
  const scales = Float64Array.from(parameters, (_, i) => own[i]?.learningRateScale ?? 1)
  const alike = decays.every((d) => d === weightDecay) && scales.every((s) => s === 1)
  return alike ? null : { learningRateScale: scales, weightDecay: decays }
}

/** Declares the inputs that may be vectors as vectors: the file has them as scalars, which suffice without groups. */
export function withVectors(file: string, { optimizer, parameters }: Manifest): Uint8Array {
  const model = loadModel(file)
  const count = parameters.filter((p) => p.trainable).length
  for (const input of model.graph.inputs) {
    if (optimizer.perParameter?.includes(input.name)) input.type = tensorType('float32', [count])
  }
  return encodeModel(model)
}

function matcher(
  { parameters: globs }: ParameterGroup,
  parameters: readonly TrainableSpec[],
): (name: string) => boolean {
  const list = typeof globs === 'string' ? [globs] : globs
  // A plain name stands for all that lies in that module, as on the compiler's command line.
  const tests = list.map((glob) => picomatch([glob, `${glob}.*`], { dot: true }))
  tests.forEach((test, i) => {
    if (parameters.some((p) => test(p.name))) return
    throw new UsageError(
      'no-such-parameter',
      `parameter group "${list[i]}" matches none of the ${parameters.length} trainable parameters, such as ${parameters[0]?.name}`,
    )
  })
  return (name) => tests.some((test) => test(name))
}
