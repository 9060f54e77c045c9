/** Builds `manifest.json` from a finished compilation. */
import { Expr } from '../src/expr.js'
import type { Value } from '../src/ir.js'
import type { Manifest, OptimizerSpec, ParameterSpec, SiteSpec, TensorSpec } from '../src/manifest.js'
import type { Shape } from '../src/types.js'
import { gradientName } from './artifacts.js'
import type { Measures } from './loss/measures.js'
import type { CompileContext, Parameter, Site } from './pass.js'

/** What is known of the file that the model came from. */
export interface SourceInfo {
  readonly file: string
  readonly sha256: string
}

/** File names within a compiled directory. */
export const FILES = {
  training: 'training_model.onnx',
  eval: 'eval_model.onnx',
  optimizer: 'optimizer_model.onnx',
  optimizerSlice: 'optimizer_slice_model.onnx',
  annotated: 'annotated_model.onnx',
  checkpoint: 'checkpoint/params.safetensors',
  manifest: 'manifest.json',
  data: 'weights.data',
} as const

/** Facts about the source that later passes overwrite. */
export interface SourceFacts extends SourceInfo {
  readonly opset: number
  readonly irVersion: number
  readonly producer: string
}

/** The factor that loss scaling starts with by custom (PyTorch's GradScaler). */
const LOSS_SCALE = 65536

export function buildManifest(
  ctx: CompileContext,
  source: SourceFacts,
  optimizer: OptimizerSpec,
  flops: Manifest['flops'],
  measures: Measures,
): Manifest {
  const { training, eval: evaluation, optimizer: optimizerFile, annotated } = FILES
  const loss = ctx.loss!
  return {
    format: 'dropbp-manifest',
    version: 1,
    source,
    models: { training, eval: evaluation, optimizer: optimizerFile, annotated },
    checkpoint: FILES.checkpoint,
    ...(ctx.dropoutSeed && { dropout: { seed: ctx.dropoutSeed.name } }),
    ...(ctx.arithmetic && { arithmetic: ctx.arithmetic }),
    inputs: modelInputs(ctx).map(tensorSpec),
    loss: {
      kind: loss.kind,
      output: 'loss',
      labels: loss.labels,
      ...(ctx.options.labelSmoothing > 0 && { labelSmoothing: ctx.options.labelSmoothing }),
      ...(loss.classes !== undefined && { classes: loss.classes }),
      ...(loss.scaleInput && { scale: { input: loss.scaleInput.name, default: LOSS_SCALE } }),
    },
    evaluation: measures,
    outputs: keptOutputs(ctx),
    sites: ctx.sites.map((s) => siteSpec(ctx, s)),
    parameters: ctx.parameters.map((p) => parameterSpec(ctx, p)),
    optimizer,
    flops,
    notes: ctx.notes,
  }
}

/** The model's own inputs: neither labels nor gates. */
function modelInputs(ctx: CompileContext): Value[] {
  const added = new Set<Value | null | undefined>([
    ctx.loss!.labelInput,
    ctx.loss!.scaleInput,
    ctx.dropoutSeed,
    ...ctx.sites.flatMap((s) => [s.keep, s.scale]),
  ])
  return ctx.model.graph.inputs.filter((v) => !added.has(v))
}

/** The source's outputs that both graphs give: their last results. */
function keptOutputs({ model, kept }: CompileContext): TensorSpec[] {
  const { outputs } = model.graph
  const first = outputs.length - kept.length
  return kept.map((name, i) => ({ ...tensorSpec(outputs[first + i]!), name }))
}

function tensorSpec(value: Value): TensorSpec {
  const limit = tableRows(value)
  const spec: TensorSpec = { name: value.name, dtype: value.type!.dtype, shape: dims(value.type!.shape!) }
  return limit === undefined ? spec : { ...spec, limit }
}

/** Rows of the smallest table that an integer input indexes directly. */
function tableRows(value: Value): number | undefined {
  const rows = value.users
    .filter((n) => n.op === 'Gather' && n.inputs[1] === value && n.int('axis', 0) === 0)
    .map((n) => n.input(0).type?.shape?.[0]?.constant)
    .filter((n) => n !== undefined)
  return rows.length > 0 ? Math.min(...rows) : undefined
}

function dims(shape: Shape): (number | string)[] {
  return shape.map((d) => d.constant ?? String(d))
}

function siteSpec(ctx: CompileContext, site: Site): SiteSpec {
  const { parameters, presentWhen } = ctx.differentiated!
  const touched = parameters.filter((p) => presentWhen.get(p)?.some((term) => term.includes(site.index)))
  const { forward = Expr.zero, backward = Expr.zero } = site.flops ?? {}
  return {
    name: site.name,
    index: site.index,
    layer: site.layer,
    kind: site.kind,
    keep: site.keep!.name,
    ...(site.scale && { scale: site.scale.name }),
    flops: { forward: String(forward), backward: String(backward) },
    parameters: touched.map((p) => p.name),
  }
}

function parameterSpec(ctx: CompileContext, p: Parameter): ParameterSpec {
  const present = ctx.differentiated!.presentWhen.get(p) ?? []
  return {
    name: p.name,
    input: p.trainable ? p.name : null,
    dtype: p.value.type!.dtype,
    shape: p.value.type!.shape!.map((d) => d.constant!),
    gradient: p.trainable ? gradientName(p) : null,
    trainable: p.trainable,
    source: {
      initializer: p.initializer,
      transposed: p.transposed,
      derived: p.derived,
      aliases: p.aliases,
      uses: p.uses,
      ...(p.sourceType && { dtype: p.sourceType }),
    },
    sites: [...(p.readIn?.keys() ?? [])],
    presentWhen: present.map((term) => term.map((k) => ctx.sites[k]!.name)),
  }
}
