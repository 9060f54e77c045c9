/** The compiler: a model and options in, the artifacts of a compiled directory out. */
import fs from 'node:fs'
import path from 'node:path'
import { withKernelRules } from '../kernels/index.js'
import { cloneModel } from '../src/clone.js'
import { writeDirectory } from '../src/directory.js'
import { digestFile, writeDurably } from '../src/files.js'
import { Model, type Node } from '../src/ir.js'
import type { Manifest } from '../src/manifest.js'
import { fromProto, loadModel, readModel, saveModels } from '../src/onnx/index.js'
import type { OpTable } from '../src/op.js'
import { standardOps } from '../src/ops/index.js'
import { writeSafetensors } from '../src/safetensors.js'
import { AnnotatedDraft, EvaluationDraft, gradientName, trainingModel } from './artifacts.js'
import { flopsOf } from './annotate-flops.js'
import { differentiate } from './differentiate.js'
import { buildManifest, FILES, type SourceFacts, type SourceInfo } from './manifest.js'
import { buildOptimizer } from './optimizer.js'
import type { CompileContext, CompileOptions } from './pass.js'
import { annotating, gating, raising, recovering, runPasses, seeding, type PassListener } from './pipeline.js'

/** Options of `compileModel` with their defaults filled in, and where the model came from. */
export interface CompileRequest extends Partial<CompileOptions> {
  source?: SourceInfo
  /** Operator rules; `standardOps.with({ … })` adds own ones. */
  table?: OpTable
  listener?: PassListener
}

/** What a compilation made. Models are independent of each other and of the source. */
export interface Compilation {
  readonly manifest: Manifest
  readonly training: Model
  readonly evaluation: Model
  readonly optimizer: Model
  /** The optimizer's step over any elements of one parameter; null where there is none. */
  readonly optimizerSlice: Model | null
  readonly annotated: Model
  readonly context: CompileContext
  /**
   * Writes the compiled directory, whole or not at all.
   * @throws IOError `output-exists` unless forced, `disk-full`, …
   */
  write(directory: string, options?: { force?: boolean }): void
  /** Writes the files into a directory that is there, one by one: for a caller that moves it into place itself. */
  writeInto(directory: string): void
}

/** Models with more bytes of weights keep them in a data file: far below protobuf's 2 GB, and shared by the models. */
const EXTERNAL_THRESHOLD = 2 ** 20

/** A fresh context over a copy of `source`. */
export function newContext(source: Model, request: CompileRequest = {}): CompileContext {
  const {
    loss = { kind: 'auto' },
    train = [],
    freeze = [],
    sites = [],
    outputs = [],
    optimizer = 'adamw',
    recompute = [],
    precision = 'auto',
    seededDropout = false,
    labelSmoothing = 0,
    unbiased = false,
    kernels = false,
    flat = false,
  } = request
  const table = request.table ?? standardOps
  return {
    model: cloneModel(source),
    table: kernels ? withKernelRules(table) : table,
    options: {
      loss,
      train,
      freeze,
      sites,
      outputs,
      optimizer,
      recompute,
      precision,
      seededDropout,
      labelSmoothing,
      unbiased,
      kernels,
      flat,
    },
    parameters: [],
    sites: [],
    atMost: new Map(),
    kept: [],
    declined: [],
    notes: [],
  }
}

/** What can be compiled: a path, the bytes of a file, a model of this library, or a plain protobuf object. */
export type CompileInput = string | Uint8Array | Model | object

/**
 * Reads a model and compiles it; see `compileModel`.
 * @param input objects have the shape of the `onnx-proto` package's ModelProto
 * @throws IOError where it cannot be read
 */
export function compile(input: CompileInput, request: CompileRequest = {}): Compilation {
  if (input instanceof Model) return compileModel(input, request)
  if (typeof input === 'string') {
    const source = { file: path.basename(input), sha256: digestFile(input).sha256 }
    return compileModel(loadModel(input), { source, ...request })
  }
  return compileModel(input instanceof Uint8Array ? readModel(input) : fromProto(input), request)
}

/**
 * Compiles an inference model into a training graph with DropBP.
 * @param source is not changed
 * @throws CompileError with the code of what went wrong
 */
export function compileModel(source: Model, request: CompileRequest = {}): Compilation {
  const ctx = newContext(source, request)
  const { listener } = request
  runPasses(ctx, recovering, listener)
  const annotatedDraft = new AnnotatedDraft(ctx)
  runPasses(ctx, annotating, listener)
  const annotated = annotatedDraft.finish()
  runPasses(ctx, raising, listener)
  const evaluationDraft = new EvaluationDraft(ctx)
  runPasses(ctx, seeding, listener)
  runPasses(ctx, [differentiate], listener)
  const flops = totalFlops(ctx)
  runPasses(ctx, gating, listener)
  const optimizer = buildOptimizer(ctx.options.optimizer, optimized(ctx), ctx.table, ctx.options.kernels)
  const evaluation = evaluationDraft.finish()
  const facts = sourceFacts(source, request.source)
  const manifest = buildManifest(ctx, facts, optimizer.spec, flops, evaluationDraft.measures)
  const models = {
    training: trainingModel(ctx),
    evaluation,
    optimizer: optimizer.model,
    optimizerSlice: optimizer.slice,
    annotated,
  }
  const called = [models.training, evaluation, optimizer.model].flatMap((m) => m.functions.map((f) => f.name))
  if (ctx.options.kernels) manifest.kernels = [...new Set(called)]
  const writeInto: Compilation['writeInto'] = (directory) => writeArtifacts(directory, models, manifest, ctx)
  const write: Compilation['write'] = (directory, { force = false } = {}) =>
    writeDirectory(directory, force, writeInto)
  return { manifest, ...models, context: ctx, write, writeInto }
}

/** FLOPs of the flat training graph, everything kept, every label counting. */
function totalFlops(ctx: CompileContext): Manifest['flops'] {
  const { forward } = ctx.differentiated!
  const backward = [...ctx.model.graph.nodes].filter((n) => !forward.has(n))
  const most = (nodes: Iterable<Node>): string =>
    String(flopsOf(nodes, ctx.table).substitute((symbol) => ctx.atMost.get(symbol)))
  return { forward: most(forward), backward: most(backward) }
}

function optimized(ctx: CompileContext) {
  return ctx.differentiated!.parameters.map((p) => ({
    name: p.name,
    gradient: gradientName(p),
    dtype: p.value.type!.dtype,
    shape: p.value.data!.shape,
  }))
}

function sourceFacts(
  source: Model,
  { file, sha256 }: SourceInfo = { file: 'model.onnx', sha256: '' },
): SourceFacts {
  const producer = `${source.producerName} ${source.producerVersion}`.trim()
  return { file, sha256, opset: source.opset, irVersion: source.irVersion, producer }
}

type Models = Pick<Compilation, 'training' | 'evaluation' | 'optimizer' | 'optimizerSlice' | 'annotated'>

function writeArtifacts(directory: string, models: Models, manifest: Manifest, ctx: CompileContext): void {
  const at = (file: string): string => path.join(directory, file)
  const entries = [
    { model: models.training, file: at(FILES.training) },
    { model: models.evaluation, file: at(FILES.eval) },
    { model: models.annotated, file: at(FILES.annotated) },
    { model: models.optimizer, file: at(FILES.optimizer) },
    ...(models.optimizerSlice ? [{ model: models.optimizerSlice, file: at(FILES.optimizerSlice) }] : []),
  ]
  saveModels(entries, { externalData: { file: FILES.data, threshold: EXTERNAL_THRESHOLD } })
  fs.mkdirSync(at(path.dirname(FILES.checkpoint)), { recursive: true })
  const tensors = ctx.differentiated!.parameters.map((p) => [p.name, p.value.data!] as const)
  writeDurably(at(FILES.checkpoint), (sink) => writeSafetensors(sink, tensors))
  writeDurably(at(FILES.manifest), (sink) =>
    sink.write(Buffer.from(JSON.stringify(manifest, null, 2) + '\n')),
  )
}
