/** The library: parse, transform, emit, each usable alone. Re-exports only. */
export {
  compile,
  compileModel,
  newContext,
  type Compilation,
  type CompileInput,
  type CompileRequest,
} from '../passes/compile.js'
export { differentiate, gradients } from '../passes/differentiate.js'
export { FILES } from '../passes/manifest.js'
export { buildOptimizer } from '../passes/optimizer.js'
export { pipeline, runPasses, type PassListener } from '../passes/pipeline.js'
export type {
  CompileContext,
  CompileOptions,
  Declined,
  LossInfo,
  Parameter,
  Pass,
  Site,
} from '../passes/pass.js'
export { Builder, float } from './builder.js'
export { cloneGraph, cloneModel, cloneNode } from './clone.js'
export { CompileError, DropBPError, exitCode, IOError, UsageError } from './errors.js'
export { evaluateGraph } from './evaluate.js'
export { evaluateExpr, Expr } from './expr.js'
export { bindInputDims, inferGraph, inferNode } from './infer.js'
export { Graph, Model, Node, Value, type Attribute, type FunctionDef, type Use } from './ir.js'
export type {
  LossKind,
  Manifest,
  OptimizerKind,
  OptimizerSpec,
  ParameterSpec,
  SiteKind,
  SiteSpec,
  TensorSpec,
} from './manifest.js'
export { encodeModel, fromProto, loadModel, readModel, saveModel, saveModels } from './onnx/index.js'
export {
  OpTable,
  type GradContext,
  type GradRule,
  type InferContext,
  type NdArray,
  type OpDef,
  type Thunk,
} from './op.js'
export { standardOps } from './ops/index.js'
export { removeDeadNodes, topologicalOrder } from './order.js'
export { Tensor } from './tensor.js'
export { parseModel, printGraph, printModel } from './text.js'
export {
  elementCount,
  formatType,
  tensorType,
  type Dim,
  type DType,
  type Shape,
  type TensorType,
} from './types.js'
export { verify } from './verify.js'
