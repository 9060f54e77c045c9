/** What a finished training writes. */
import path from 'node:path'
import {
  listCheckpoints,
  readCheckpoint,
  writeCard,
  type CompiledModel,
  type Recorder,
  type Trainer,
} from '../../../runtime/index.js'
import type { Places } from './places.js'
import type { TrainSettings } from './settings.js'

/** A training at its end. */
export interface Finished {
  readonly compiled: CompiledModel
  readonly trainer: Trainer
  readonly places: Places
  readonly settings: TrainSettings
  readonly recorder: Recorder
  readonly note: (text: string) => void
}

/** Writes the trained model, of the best checkpoint where that was kept, and its card; returns all files to look at. */
export function writeResults(finished: Finished): string[] {
  const { trainer, places, compiled, settings, recorder } = finished
  const report = settings.record.includes('html') ? [path.join(places.out, 'report.html')] : []
  if (places.source === undefined) return report
  const step = takeBest(finished)
  const model = path.join(places.out, 'model.onnx')
  const weights = path.join(places.out, 'model.safetensors')
  trainer.exportModel(model, places.source)
  trainer.exportParameters(weights, places.source)
  const { history, facts } = recorder
  const files = [...report, model, weights]
  return [...files, writeCard(places.out, { facts, history, manifest: compiled.manifest, step, files })]
}

/** Goes back to the best checkpoint's weights where --keep-best asks for it; returns the step of the weights. */
function takeBest({ trainer, settings, places, note }: Finished): number {
  const { best } = trainer.progress
  if (!settings.keepBest || !best || best.step === trainer.step) return trainer.step
  const found = listCheckpoints(places.checkpoints).find((c) => c.step === best.step)
  if (!found) return trainer.step
  const { parameters, moments } = readCheckpoint(found.directory)
  trainer.state.restore(parameters, moments)
  note(`the model is written as it was best, at step ${best.step}`)
  return best.step
}
