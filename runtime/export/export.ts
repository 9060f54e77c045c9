/** Puts trained weights back: into the source model, and into a safetensors file as the source framework has them. */
import fs from 'node:fs'
import path from 'node:path'
import { constantNumber } from '../../src/draws.js'
import { DropBPError, IOError } from '../../src/errors.js'
import type { Model, Node, Value } from '../../src/ir.js'
import type { ParameterSpec } from '../../src/manifest.js'
import { loadModel, saveModel } from '../../src/onnx/index.js'
import { allGraphs } from '../../src/order.js'
import { Tensor } from '../../src/tensor.js'
import type { DType } from '../../src/types.js'
import { digestFile, replaceFile } from '../../src/files.js'
import { splitOff } from './merged.js'
import { affine, reshape, sameValues, transpose, type Mapping } from './layout.js'
import type { CompiledModel } from '../manifest.js'
import { SafetensorsFile, writeSafetensors } from '../../src/safetensors.js'
import type { TrainingState } from '../training/state.js'
import { bytesOf, converted, hostOf, type HostTensor } from '../../src/host-tensor.js'

/**
 * Writes the source model with the trained weights in place of its own; everything else stays as it was, but that a Dropout
 * which the source was exported with in training mode is switched off.
 * @throws IOError `missing-source`, `changed-source`, `disk-full`, …; DropBPError `shared-initializer`, `source-mismatch`
 */
export function exportModel(
  compiled: CompiledModel,
  state: TrainingState,
  file: string,
  source?: string,
): void {
  const model = loadModel(locateSource(compiled, source))
  const start = SafetensorsFile.open(path.join(compiled.directory, compiled.manifest.checkpoint))
  try {
    const named = initializersByName(model)
    state.parameters.forEach((spec, i) =>
      putBack(compiled, named, spec, start.read(spec.name), state.value(i)),
    )
  } finally {
    start.close()
  }
  for (const graph of allGraphs(model.graph)) for (const node of graph.nodes) switchOff(node)
  saveModel(model, file)
}

/** A Dropout whose mode is not said is in inference. One whose mode is an input is left to whom feeds it. */
function switchOff(node: Node): void {
  if (node.op !== 'Dropout' || node.domain !== '' || !node.inputs[2]) return
  if (constantNumber(node.input(2)) !== undefined) node.setInputs(node.inputs.slice(0, 2))
}

/**
 * Writes parameters under the source framework's names and in its layouts. Frozen ones are read from the source model.
 * @throws IOError `missing-source`, `changed-source` where there are frozen parameters
 */
export function exportParameters(
  compiled: CompiledModel,
  state: TrainingState,
  file: string,
  source?: string,
): void {
  const trained = new Map(state.parameters.map((spec, i) => [spec.name, state.value(i)]))
  const specs = compiled.manifest.parameters
  const frozen = specs.some((p) => !p.trainable)
    ? initializersByName(loadModel(locateSource(compiled, source)))
    : undefined
  const tensors = specs.map((spec): [string, HostTensor] => {
    const value = trained.get(spec.name) ?? hostOf(frozen!.get(spec.source.initializer)![0]!.data!)
    return [spec.name, frameworkLayout(spec)(converted(value, spec.source.dtype ?? value.dtype))]
  })
  replaceFile(file, (sink) => writeSafetensors(sink, tensors, { format: 'pt' }))
}

/** The graph's layout turned into the framework's; a derived parameter has the framework's values already. */
function frameworkLayout({ shape, source }: ParameterSpec): Mapping {
  return source.transposed && shape.length === 2 ? transpose : (t) => t
}

/**
 * The source file: as named, or where the compiled directory lies, told by its hash.
 * @throws IOError `missing-source`, `changed-source`
 */
export function locateSource({ directory, manifest }: CompiledModel, given?: string): string {
  const { file, sha256 } = manifest.source
  const places =
    given !== undefined
      ? [given]
      : [path.resolve(directory, file), path.resolve(directory, '..', file), path.resolve(file)]
  const present = places.filter((place) => fs.existsSync(place))
  const found = present.find((place) => digestFile(place).sha256 === sha256)
  if (found !== undefined) return found
  if (present.length > 0) {
    throw new IOError(
      'changed-source',
      `${present[0]} is not the model that ${directory} was compiled from: its SHA-256 differs; compile again, or name the original with --source`,
    )
  }
  const looked = places.map((place) => path.dirname(path.resolve(place)))
  throw new IOError(
    'missing-source',
    `there is no source model ${path.basename(places[0]!)} in ${[...new Set(looked)].join(', ')}: name it with --source, or leave the trained model out with --no-export`,
  )
}

/** Writes one parameter into the initializer that held it and into those tied to it. */
function putBack(
  compiled: CompiledModel,
  named: Initializers,
  spec: ParameterSpec,
  start: HostTensor,
  trained: HostTensor,
): void {
  const { initializer, aliases } = spec.source
  const own = named.get(initializer) ?? []
  if (own.length === 0) throw mismatch(spec, `the source model has no initializer "${initializer}"`)
  const isShared = compiled.manifest.parameters.filter((p) => p.source.initializer === initializer).length > 1
  for (const value of own) {
    const data = rounded(mappingOf(spec, start, value)(trained), value)
    if (spec.source.uses || isShared) splitOff(value, spec, data)
    else value.data = data
  }
  for (const alias of aliases) {
    for (const value of named.get(alias) ?? []) {
      if (alias !== initializer) value.data = rounded(mappingOf(spec, start, value)(trained), value)
    }
  }
}

/** Initializers of the source, of the main graph and those below it, by their names. */
type Initializers = ReadonlyMap<string, readonly Value[]>

function initializersByName(model: Model): Initializers {
  const named = new Map<string, Value[]>()
  for (const graph of allGraphs(model.graph)) {
    for (const value of graph.initializers) named.set(value.name, [...(named.get(value.name) ?? []), value])
  }
  return named
}

/**
 * How the parameter becomes this initializer. Told by the values that both had at the start, so that a transposed copy or a
 * folded expression is never guessed.
 */
function mappingOf(spec: ParameterSpec, start: HostTensor, value: Value): Mapping {
  const original = converted(hostOf(value.data!), start.dtype)
  const same: Mapping = (t) => t
  const candidates: Mapping[] = start.shape.length === 2 ? [same, transpose] : [same]
  if (start.data.length === original.data.length) candidates.push(reshape(original.shape))
  if (spec.source.derived !== null) {
    const apply = affine(spec.source.derived)
    candidates.push(
      ...candidates.map(
        (layout): Mapping =>
          (t) =>
            apply(layout(t)),
      ),
    )
  }
  const found = candidates.find((candidate) => sameValues(candidate(start), original))
  if (found) return found
  throw mismatch(
    spec,
    `initializer "${value.name}" does not hold the values that the model was compiled with`,
  )
}

function mismatch(spec: ParameterSpec, why: string): DropBPError {
  return new DropBPError(
    'source-mismatch',
    `parameter "${spec.name}" cannot be put back: ${why}; compile the model again`,
  )
}

/** Trained values in the element type that the initializer has. */
function rounded(trained: HostTensor, value: Value): Tensor {
  return toTensor(converted(trained, value.data!.dtype))
}

function toTensor(host: HostTensor): Tensor {
  const bytes = bytesOf(host)
  return new Tensor(host.dtype as DType, host.shape, () => bytes)
}
