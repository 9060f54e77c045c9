/** The models that a compilation emits, made from the graph at the right points of the pipeline. */
import { Builder } from '../src/builder.js'
import { isDraw } from '../src/draws.js'
import { cloneModel, type ValueMap } from '../src/clone.js'
import { Expr } from '../src/expr.js'
import { prepareInitializer } from '../src/infer.js'
import { Graph, Node, Value, type Attribute, type Model } from '../src/ir.js'
import { DOMAIN } from '../src/ops/dropbp.js'
import type { OpTable } from '../src/op.js'
import { removeDeadNodes } from '../src/order.js'
import { orderLeavesLast } from './execution-order.js'
import { trimOutputs } from './gating/trim.js'
import { dissolveDropBP } from './insert-dropbp.js'
import { addMeasures, nameMeasures, type Measures } from './loss/measures.js'
import { lowerModel } from './lower.js'
import { castWhereNoKernel } from './lowering/kernels.js'
import type { CompileContext, Parameter, Site } from './pass.js'
import { narrowed } from '../src/tensor.js'
import { settle } from './randomness.js'
import { simplifyModel } from './simplify.js'

/** Name of the gradient output of a parameter. */
export function gradientName(parameter: Parameter): string {
  return `${parameter.name}_grad`
}

/**
 * A copy of the canonical forward graph with the source model's outputs, from which the annotated model is made when the
 * branches are known.
 */
export class AnnotatedDraft {
  private readonly map: ValueMap = new Map()
  private readonly model: Model

  /** Taken before attach-loss. */
  constructor(private readonly ctx: CompileContext) {
    this.model = cloneModel(ctx.model, this.map)
  }

  /** Puts a `com.dropbp::DropBP` node on every branch; a model-local function makes it loadable everywhere. */
  finish(): Model {
    for (const site of this.ctx.sites) this.mark(site)
    settle(this.model, this.ctx.table)
    lowerModel(this.model, this.ctx.table)
    if (this.ctx.sites.length > 0) addDropBPFunction(this.model)
    return this.model
  }

  private mark(site: Site): void {
    const branch = this.map.get(site.branch)!
    const sum = this.map.get(site.sum.output())!.producer
    const uses = [...branch.uses].filter((u) => u.user === sum)
    const attributes: [string, Attribute][] = [
      ['site', { type: 'string', value: site.name }],
      ['flops', { type: 'string', value: String(site.flops?.forward ?? Expr.zero) }],
    ]
    const node = new Node(
      'DropBP',
      [branch],
      [new Value(`${branch.name}_dropbp`, branch.type)],
      attributes,
      DOMAIN,
    )
    node.name = `dropbp/${site.name}`
    this.model.graph.addNode(node)
    for (const use of uses) (use.user as Node).setInput(use.index, node.output())
  }
}

/** A copy of the forward graph with its loss, from which the evaluation model is made once it is known what trains. */
export class EvaluationDraft {
  private readonly map: ValueMap = new Map()
  private readonly model: Model
  /** Results beside the loss; known when finished. */
  measures: Measures = {}

  /** Taken after raise. */
  constructor(private readonly ctx: CompileContext) {
    this.model = cloneModel(ctx.model, this.map)
  }

  /** Forward and loss, with the trainable parameters as inputs. */
  finish(): Model {
    const { ctx, model, map } = this
    dissolveDropBP(model.graph)
    noteDraws(ctx, model)
    removeDeadNodes(model.graph)
    dropInputs(
      model,
      ctx.sites.flatMap((s) => [s.keep, s.scale]).map((v) => v && map.get(v)),
    )
    this.measures = addMeasures(model, ctx.table)
    for (const node of model.graph.nodes) trimOutputs(node)
    lowerModel(model, ctx.table, ctx.options.kernels)
    const parameters = new Set(ctx.parameters.map((p) => map.get(p.value)!))
    simplifyModel(model, ctx.table, (v) => parameters.has(v))
    ownResults(model.graph)
    nameLoss(model)
    nameMeasures(model, this.measures)
    nameKept(model, ctx)
    exposeParameters(model, ctx.differentiated!.parameters, map)
    storeNarrow(model, ctx.table)
    castWhereNoKernel(model, ctx.table)
    return model
  }
}

/** The training graph. Taken at the end of the pipeline. */
export function trainingModel(ctx: CompileContext): Model {
  const map: ValueMap = new Map()
  const model = cloneModel(ctx.model, map)
  const { parameters, presentWhen } = ctx.differentiated!
  ownResults(model.graph)
  nameLoss(model)
  parameters.forEach((p, i) => {
    const value = model.graph.outputs[i + 1]!
    value.name = gradientName(p)
    value.type = gradientType(p, presentWhen.get(p)?.[0]?.length !== 0)
  })
  nameKept(model, ctx)
  exposeParameters(model, parameters, map)
  storeNarrow(model, ctx.table)
  castWhereNoKernel(model, ctx.table)
  orderLeavesLast(model)
  return model
}

/** The first dimension of a gradient that can be absent is 0 then. */
function gradientType(p: Parameter, conditional: boolean) {
  const type = p.value.type!
  if (!conditional) return type
  const [, ...rest] = type.shape!
  return { dtype: type.dtype, shape: [Expr.symbol(`${p.name.replace(/\W/g, '_')}_rows`), ...rest] }
}

/** Gives every result a node of its own: ONNX wants results distinct, and computed. */
function ownResults(graph: Graph): void {
  const seen = new Set<Value>()
  graph.outputs.forEach((v, i) => {
    if (v.producer && !seen.has(v)) seen.add(v)
    else graph.setOutput(i, graph.addNode(new Node('Identity', [v], [new Value(v.name, v.type)])).output())
  })
}

function nameLoss(model: Model): void {
  model.graph.outputs[0]!.name = 'loss'
}

/** Gives the last results the names of the source's outputs. */
function nameKept({ graph }: Model, { kept }: CompileContext): void {
  const first = graph.outputs.length - kept.length
  kept.forEach((name, i) => (graph.outputs[first + i]!.name = name))
}

/** Turns the trainable parameters' initializers into inputs, after all others, in the given order. */
function exposeParameters(model: Model, parameters: readonly Parameter[], map: ValueMap): void {
  for (const p of parameters) {
    const value = map.get(p.value)!
    model.graph.initializers.delete(value)
    value.data = undefined
    value.name = p.name
    model.graph.addInput(value)
  }
}

/** Elements of a tensor that is worth a cast in the graph. */
const WORTH_NARROWING = 256

/** Weights that are computed with as float32 stay as narrow in the file as the source has them. */
function storeNarrow(model: Model, table: OpTable): void {
  const { graph } = model
  for (const value of [...graph.initializers]) {
    const data = value.data!.size >= WORTH_NARROWING && narrowed(value.data!)
    if (!data) continue
    const stored = graph.addInitializer(`${value.name}_${data.dtype}`, data)
    prepareInitializer(stored)
    value.replaceAllUsesWith(new Builder(model, graph, table).cast(stored, 'float32'))
    graph.removeInitializer(value)
  }
}

/** Takes random draws out of the evaluation graph, and tells of them and of those that stay. */
function noteDraws(ctx: CompileContext, model: Model): void {
  const before = [...model.graph.nodes].filter(isDraw).length
  const draws = settle(model, ctx.table)
  const settled = before - draws.length
  if (settled > 0)
    ctx.notes.push(
      `dropout: ${settled} node${settled > 1 ? 's draw' : ' draws'} at random in every training step, none in evaluation`,
    )
  if (draws.length === 0) return
  const named = draws.slice(0, 3).map((n) => `${n.op} "${n.name}"`)
  const more = draws.length > 3 ? ` and ${draws.length - 3} more` : ''
  ctx.notes.push(
    `the evaluation graph still draws at random: ${named.join(', ')}${more} is no dropout that is known`,
  )
}

function dropInputs(model: Model, inputs: readonly (Value | null | undefined)[]): void {
  for (const v of inputs) if (v && v.uses.size === 0) model.graph.removeInput(v)
}

/** `DropBP(x) = x`, so that every runtime loads the annotated model. */
function addDropBPFunction(model: Model): void {
  const body = new Graph('DropBP')
  const x = body.addInput(new Value('x'))
  body.setOutputs([body.addNode(new Node('Identity', [x], [new Value('y')])).output()])
  const opsets = new Map([['', model.opset]])
  model.functions.push({ domain: DOMAIN, name: 'DropBP', attributes: ['site', 'flops'], opsets, body })
}
