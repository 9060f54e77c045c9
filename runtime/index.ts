/** The runtime: trains compiled directories on ONNX Runtime. Re-exports only. */
export { DropBPError, exitCode, IOError, UsageError } from '../src/errors.js'
export type { Manifest, ParameterSpec, SiteSpec } from '../src/manifest.js'
export {
  latestCheckpoint,
  listCheckpoints,
  readCheckpoint,
  type CheckpointState,
  type SavedCheckpoint,
} from './checkpoint/checkpoint.js'
export * from './data/index.js'
export { exportModel, exportParameters, locateSource } from './export/export.js'
export { GradientSet } from './training/gradients.js'
export { DropBPHandler } from './dropbp/handler.js'
export type { HandlerOptions, HandlerState } from './dropbp/options.js'
export type { MeasureGradients } from './dropbp/sensitivity.js'
export { openCompiled, parseManifest, type CompiledModel } from './manifest.js'
export {
  bernoulli,
  blockCoordinate,
  exactBudget,
  freeze,
  lisa,
  official,
  POLICIES,
  stochasticDepth,
  type DrawRequest,
  type MaskPolicy,
  type PolicyName,
  type PolicyOptions,
} from './policies/index.js'
export { ALLOCATIONS, allocationSteps, RATE_KINDS, type RateKind } from './dropbp/allocation.js'
export { OnlineSensitivity, type OnlineState } from './dropbp/online.js'
export { measureSensitivities } from './dropbp/sensitivity.js'
export { Presence, trainableParameters, type Mask, type TrainableSpec } from './dropbp/presence.js'
export { Random } from './random.js'
export { allocateRates, depthRates, type AllocationRequest, type RateBounds } from './dropbp/rates.js'
export { readSafetensors, SafetensorsFile, writeSafetensors } from '../src/safetensors.js'
export {
  makeSchedule,
  SCHEDULES,
  type Schedule,
  type ScheduleKind,
  type ScheduleOptions,
} from './schedules/index.js'
export { BACKENDS, type BackendName } from './backends.js'
export {
  chooseBackend,
  describeBackend,
  openSession,
  type Backend,
  type Fetches,
  type ResultTensor,
  type Session,
  type SessionFactory,
  type SessionOptions,
} from './session.js'
export { TrainingState } from './training/state.js'
export { floatsOf, scalar, zeros, type HostTensor, type TypedArray } from '../src/host-tensor.js'
export { Accumulator, type Accumulated } from './training/accumulator.js'
export { DECAYED, MASK_PER, type Decayed, type MaskPer } from './training/choices.js'
export {
  resolveGroups,
  type GroupOptions,
  type ParameterGroup,
  type PerParameter,
} from './training/groups.js'
export { STOP, type Callbacks } from './training/callbacks.js'
export { LossScale, type LossScaleState } from './training/loss-scale.js'
export { Progress, type ProgressState } from './training/progress.js'
export type {
  EvaluationResult,
  EventOf,
  FitOptions,
  SkipReason,
  StepResult,
  TrainerOptions,
  TrainEvent,
} from './training/events.js'
export { modelCard, writeCard, type CardContext } from './export/card.js'
export {
  History,
  readMetrics,
  recordOf,
  Recorder,
  SINKS,
  type EventRecord,
  type OpenSink,
  type RunFacts,
  type Sink,
  type SinkContext,
  type SinkName,
} from './report/index.js'
export { Trainer } from './trainer.js'
export { TrainingGraph, type BackwardFactors, type Hyperparameters } from './training/graph.js'
