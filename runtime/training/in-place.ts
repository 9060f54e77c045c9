/** Whether the optimizer may write over what it reads: proved of the graph at hand, whatever its manifest says. */
import path from 'node:path'
import { inPlaceHazards, pairsByName } from '../../src/in-place.js'
import { changedBy, type Manifest } from '../../src/manifest.js'
import { loadModel } from '../../src/onnx/index.js'
import type { CompiledModel } from '../manifest.js'

/** The manifest, where it claims `inPlace` without proof without that claim: what changes is held twice, then. */
export function provingInPlace({ directory, manifest }: CompiledModel): Manifest {
  const { optimizer, models, parameters } = manifest
  if (!optimizer.inPlace) return manifest
  const { slice } = optimizer
  const model = loadModel(path.join(directory, slice?.model ?? models.optimizer))
  const stepped = slice ? [slice.parameter] : parameters.filter((p) => p.trainable).map((p) => p.name)
  const pairs = pairsByName(
    model,
    stepped.flatMap((name) => changedBy(optimizer, name)),
  )
  if (pairs && inPlaceHazards(model, pairs).length === 0) return manifest
  return { ...manifest, optimizer: { ...optimizer, inPlace: false } }
}
