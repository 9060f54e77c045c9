/** What training changes: parameters and optimizer state, in buffers that the graphs read and write directly. */
import { DropBPError, IOError } from '../../src/errors.js'
import { stateShape, type Manifest, type OptimizerSpec } from '../../src/manifest.js'
import type { GradientSet } from './gradients.js'
import { trainableParameters, type TrainableSpec } from '../dropbp/presence.js'
import { SafetensorsFile } from '../../src/safetensors.js'
import type { Fetches } from '../session.js'
import { zeros, type HostTensor } from '../../src/host-tensor.js'

/** A value and where its successor is written: another buffer, or the same one where the optimizer works in place. */
export interface Slot {
  readonly input: string
  readonly output: string
  value: HostTensor
  next: HostTensor
}

interface ParameterState {
  readonly spec: TrainableSpec
  readonly value: Slot
  readonly moments: ReadonlyMap<string, Slot>
}

/** Parameters, moments and step counters of all trainable parameters. */
export class TrainingState {
  readonly parameters: readonly TrainableSpec[]
  private readonly entries: readonly ParameterState[]

  constructor(
    manifest: Pick<Manifest, 'parameters' | 'optimizer'>,
    load: (spec: TrainableSpec) => HostTensor,
  ) {
    this.parameters = trainableParameters(manifest)
    this.entries = this.parameters.map((spec) => makeEntry(spec, manifest.optimizer, load(spec)))
  }

  /** The state at the start of training: parameters of a safetensors file, everything else zero. */
  static fromFile(manifest: Pick<Manifest, 'parameters' | 'optimizer'>, file: string): TrainingState {
    const stored = SafetensorsFile.open(file)
    try {
      return new TrainingState(manifest, (spec) => readMatching(stored, spec.name, spec, file))
    } finally {
      stored.close()
    }
  }

  /** The current value of parameter `i`; the optimizer writes over it. */
  value(i: number): HostTensor {
    return this.entries[i]!.value.value
  }

  /** Parameter feeds of the training and evaluation graphs. */
  parameterFeeds(): Record<string, HostTensor> {
    return Object.fromEntries(this.entries.map(({ spec, value }) => [spec.input, value.value]))
  }

  /** Feeds of the optimizer graph; an absent gradient is an empty tensor of the parameter's rank. */
  optimizerFeeds(gradients: GradientSet): Record<string, HostTensor> {
    const feeds: Record<string, HostTensor> = {}
    this.entries.forEach(({ spec, value, moments }, i) => {
      feeds[spec.gradient] = gradients.get(i) ?? absent(spec)
      for (const slot of [value, ...moments.values()]) feeds[slot.input] = slot.value
    })
    return feeds
  }

  /** Where the optimizer writes: buffers of the parameters that have a gradient; the others are not touched. */
  optimizerFetches(gradients: GradientSet): Fetches {
    const fetches: Record<string, HostTensor> = {}
    for (const slot of this.changing(gradients)) fetches[slot.output] = slot.next
    return fetches
  }

  /** What a step changes of parameter `i`: its value, then its states by name. */
  slots(i: number): { value: Slot; moments: ReadonlyMap<string, Slot> } {
    return this.entries[i]!
  }

  /** Makes what the optimizer wrote the current state. */
  advance(gradients: GradientSet): void {
    for (const slot of this.changing(gradients)) [slot.value, slot.next] = [slot.next, slot.value]
  }

  /** Parameters under their names, for a checkpoint. */
  storedParameters(): [string, HostTensor][] {
    return this.entries.map(({ spec, value }) => [spec.name, value.value])
  }

  /** Optimizer state as `name/state`, for a checkpoint. */
  storedMoments(): [string, HostTensor][] {
    return this.entries.flatMap(({ spec, moments }) =>
      [...moments].map(([name, slot]): [string, HostTensor] => [`${spec.name}/${name}`, slot.value]),
    )
  }

  /** Takes parameters and optimizer state from the files of a checkpoint. */
  restore(parametersFile: string, momentsFile: string): void {
    withFile(parametersFile, (stored) => {
      for (const { spec, value } of this.entries) {
        value.value.data.set(readMatching(stored, spec.name, spec, parametersFile).data as never)
      }
    })
    withFile(momentsFile, (stored) => {
      for (const { spec, moments } of this.entries) {
        for (const [name, slot] of moments) {
          const { value } = slot
          value.data.set(readMatching(stored, `${spec.name}/${name}`, value, momentsFile).data as never)
        }
      }
    })
  }

  private *changing(gradients: GradientSet): Iterable<Slot> {
    for (const [i, { value, moments }] of this.entries.entries()) {
      if (gradients.get(i)) yield* [value, ...moments.values()]
    }
  }
}

function makeEntry(spec: TrainableSpec, optimizer: OptimizerSpec, value: HostTensor): ParameterState {
  const fill = (template: string): string => template.replaceAll('{}', spec.name)
  const slot = (input: string, output: string, tensor: HostTensor, scalar = false): Slot => ({
    input: fill(input),
    output: fill(output),
    value: tensor,
    // all slices of a parameter read the same scalar
    next: optimizer.inPlace && !scalar ? tensor : zeros(tensor.dtype, tensor.shape),
  })
  const moments = optimizer.state.map(
    (s) => [s.name, slot(s.input, s.output, zeros(s.dtype, stateShape(s, spec.shape)), s.scalar)] as const,
  )
  return {
    spec,
    value: slot(optimizer.parameter.input, optimizer.parameter.output, value),
    moments: new Map(moments),
  }
}

/** An empty tensor of the parameter's rank; a scalar parameter's is a vector, since a scalar is never empty. */
function absent({ dtype, shape }: TrainableSpec): HostTensor {
  return zeros(dtype, [0, ...shape.slice(1)])
}

function withFile(file: string, work: (stored: SafetensorsFile) => void): void {
  const stored = SafetensorsFile.open(file)
  try {
    work(stored)
  } finally {
    stored.close()
  }
}

function readMatching(
  stored: SafetensorsFile,
  name: string,
  expected: { dtype: string; shape: readonly number[] },
  file: string,
): HostTensor {
  if (!stored.has(name)) {
    throw new IOError('missing-tensor', `${file}: holds no tensor "${name}"; it belongs to another model`)
  }
  const { dtype, shape } = stored.describe(name)
  if (dtype !== expected.dtype || String(shape) !== String(expected.shape)) {
    const got = `${dtype}[${shape}]`
    throw new DropBPError(
      'wrong-tensor',
      `${file}: "${name}" is ${got}, expected ${expected.dtype}[${expected.shape}]; it belongs to another model`,
    )
  }
  return stored.read(name)
}
