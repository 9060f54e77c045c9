/** Puts a loss on a model's outputs, and its labels among the inputs. */
import { Builder, float } from '../src/builder.js'
import { CompileError } from '../src/errors.js'
import { Value, type Graph } from '../src/ir.js'
import type { LabelSpec, LossKind } from '../src/manifest.js'
import { IGNORE_INDEX } from '../src/ops/cross-entropy.js'
import { DOMAIN } from '../src/ops/dropbp.js'
import { elementCount, formatType, isFloat, type DType, type Shape } from '../src/types.js'
import { selection } from './globs.js'
import { chooseLoss } from './loss/choose.js'
import { listOutputs } from './loss/outputs.js'
import type { CompileContext, LossInfo, Pass } from './pass.js'

export const attachLoss: Pass = {
  name: 'attach-loss',
  purpose: 'Adds the loss and the input for its labels.',
  needs: 'Every value typed.',
  leaves: 'ctx.loss; the results of the graph are the loss and the outputs to keep.',
  run(ctx: CompileContext): void {
    const { kind, output } = chooseLoss(ctx)
    const outputs = [...ctx.model.graph.outputs]
    ctx.loss = kind === 'output' ? outputAsLoss(ctx, output) : ATTACH[kind](ctx, output)
    ctx.loss.from = outputs.indexOf(output)
    const kept = keptOutputs(ctx, outputs)
    ctx.kept = kept.map((v) => v.name)
    ctx.model.graph.setOutputs([ctx.loss.output, ...kept])
    const dropped = outputs.filter((v) => v !== output && !kept.includes(v)).map((v) => `"${v.name}"`)
    if (dropped.length > 0) ctx.notes.push(`the training graph does not compute ${dropped.join(', ')}`)
  },
}

/** The source's outputs that `--outputs` names. */
function keptOutputs({ options }: CompileContext, outputs: readonly Value[]): Value[] {
  const names = outputs.map((v) => v.name)
  const asked = selection('--outputs', 'output', options.outputs, names)
  return outputs.filter((v) => asked.match(v.name) !== undefined)
}

type Attach = (ctx: CompileContext, output: Value) => LossInfo

const ATTACH: Record<Exclude<LossKind, 'output'>, Attach> = {
  'causal-lm': (ctx, logits) => classLabels(ctx, 'causal-lm', logits, 3),
  token: (ctx, logits) => classLabels(ctx, 'token', logits, 3),
  class: (ctx, logits) => classLabels(ctx, 'class', logits, 2),
  mse: (ctx, prediction) => targets(ctx, 'mse', prediction),
  bce: (ctx, logits) => targets(ctx, 'bce', logits),
}

/** Cross-entropy with class numbers as labels, one for every row of the logits. */
function classLabels(ctx: CompileContext, kind: LossKind, logits: Value, rank: number): LossInfo {
  const shape = shapeOf(ctx, kind, logits)
  if (shape.length !== rank) throw wrongRank(ctx, kind, logits, rank)
  const labels = addLabels(ctx, 'int64', shape.slice(0, -1))
  const { labelSmoothing } = ctx.options
  const attributes = {
    shift: kind === 'causal-lm' ? 1 : 0,
    ignore_index: IGNORE_INDEX,
    ...(labelSmoothing > 0 && { label_smoothing: float(labelSmoothing) }),
  }
  const loss = builder(ctx).emit('CrossEntropy', [logits, labels], attributes, {
    domain: DOMAIN,
    name: 'loss',
  })
  return {
    kind,
    output: loss,
    labels: { ...labelSpec(labels), ignoreIndex: IGNORE_INDEX },
    labelInput: labels,
    classes: shape.at(-1)!.constant,
  }
}

/** A loss against targets of the prediction's own shape, averaged over all elements, in float32 at least. */
function targets(ctx: CompileContext, kind: 'mse' | 'bce', prediction: Value): LossInfo {
  const shape = shapeOf(ctx, kind, prediction)
  const dtype = prediction.type!.dtype === 'float64' ? 'float64' : 'float32'
  const labels = addLabels(ctx, dtype, shape)
  const b = builder(ctx)
  const wide = b.cast(prediction, dtype)
  const output =
    kind === 'bce'
      ? b.emit('BinaryCrossEntropy', [wide, labels], {}, { domain: DOMAIN, name: 'loss' })
      : meanSquare(b, b.sub(wide, labels))
  return { kind, output, labels: labelSpec(labels), labelInput: labels }
}

function meanSquare(b: Builder, error: Value): Value {
  return b.emit('ReduceMean', [b.mul(error, error)], { keepdims: 0 }, { name: 'loss' })
}

/** A model output that is the loss already. */
function outputAsLoss(ctx: CompileContext, output: Value): LossInfo {
  const type = output.type
  const isScalar = type?.shape && elementCount(type.shape).constant === 1
  if (!isScalar || !isFloat(type.dtype)) {
    throw new CompileError(
      'loss-not-scalar',
      `output "${output.name}" is ${formatType(type)}, a loss is one float number; ` +
        'choose another output, or a kind of loss that is computed from this one (--loss causal-lm, token, class, mse, bce)',
    )
  }
  const b = builder(ctx)
  const wide = type.dtype.endsWith('16') ? b.cast(output, 'float32') : output
  return { kind: 'output', output: b.reshape(wide, []), labels: null, labelInput: null }
}

function builder(ctx: CompileContext): Builder {
  return new Builder(ctx.model, ctx.model.graph, ctx.table)
}

function shapeOf(ctx: CompileContext, kind: LossKind, output: Value): Shape {
  const type = output.type
  if (type?.shape && isFloat(type.dtype)) return type.shape
  throw new CompileError(
    'no-logits',
    `a ${kind} loss needs a float output of known rank, "${output.name}" is ${formatType(type)}; outputs: ${listOutputs(ctx.model.graph)}`,
  )
}

function wrongRank(ctx: CompileContext, kind: LossKind, logits: Value, rank: number): CompileError {
  const wanted = rank === 3 ? '[batch, positions, classes]' : '[batch, classes]'
  return new CompileError(
    'logits-rank',
    `a ${kind} loss needs logits of shape ${wanted}, output "${logits.name}" is ${formatType(logits.type)}; ` +
      `choose another --loss or output. Outputs: ${listOutputs(ctx.model.graph)}`,
  )
}

/** Adds the label input; its dimensions are those of the logits. */
function addLabels(ctx: CompileContext, dtype: DType, shape: Shape): Value {
  const { graph } = ctx.model
  return graph.addInput(new Value(freeName(graph, 'labels'), { dtype, shape }))
}

function freeName(graph: Graph, wanted: string): string {
  const taken = new Set([...graph.inputs, ...graph.outputs, ...graph.initializers].map((v) => v.name))
  let name = wanted
  for (let n = 1; taken.has(name); n++) name = `${wanted}_${n}`
  return name
}

function labelSpec(labels: Value): LabelSpec {
  const { dtype, shape } = labels.type!
  return { name: labels.name, dtype, shape: shape!.map((d) => d.constant ?? String(d)) }
}
