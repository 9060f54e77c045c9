/** Reverse-mode differentiation of the flat graph; conditions are tracked here and acted on by the gate pass. */
import { Builder } from '../src/builder.js'
import type { Model, Value } from '../src/ir.js'
import type { OpTable } from '../src/op.js'
import { Differentiator } from './differentiation/differentiator.js'
import type { CompileContext, Parameter, Pass } from './pass.js'
import { scaledLoss, unscaled } from './masters.js'
import { Presence } from './presence.js'

export const differentiate: Pass = {
  name: 'differentiate',
  purpose: 'Emits the gradient of the loss for every trainable parameter that it depends on.',
  needs: 'A loss; every operator between it and a trainable parameter has a gradient rule.',
  leaves:
    'ctx.differentiated; results are loss, gradients and kept outputs; Gate and Accumulate nodes where branches can be dropped.',
  run(ctx: CompileContext): void {
    const { model, table } = ctx
    const forward = new Set(model.graph.nodes)
    const trainable = ctx.parameters.filter((p) => p.trainable)
    const gates = ctx.sites.map((s) => s.keep!)
    const found = gradients(
      model,
      table,
      ctx.scalesLoss ? scaledLoss(ctx) : ctx.loss!.output,
      trainable.map((p) => p.value),
      gates,
    )
    const parameters = trainable.filter((p) => found.has(p.value) || freeze(ctx, p))
    const [loss, ...kept] = model.graph.outputs
    model.graph.setOutputs([loss!, ...parameters.map((p) => unscaled(ctx, found.get(p.value)!)), ...kept])
    ctx.differentiated = { parameters, forward, presentWhen: new Map() }
  },
}

function freeze(ctx: CompileContext, p: Parameter): false {
  p.trainable = false
  p.frozenBecause = 'the loss does not depend on it'
  ctx.notes.push(`${p.name} is frozen: the loss does not depend on it`)
  return false
}

/**
 * Emits gradients of a scalar into the model's main graph.
 * @param loss float scalar
 * @param wanted float values to differentiate with respect to
 * @param gates keep inputs of the DropBP nodes, in execution order
 * @returns gradients of the shape and type of their values; a value that the loss does not depend on has none
 * @throws CompileError `no-gradient` where an operator in between has no rule
 */
export function gradients(
  model: Model,
  table: OpTable,
  loss: Value,
  wanted: readonly Value[],
  gates: readonly Value[] = [],
): Map<Value, Value> {
  const presence = new Presence(gates)
  const b = new Builder(model, model.graph, table, (node) => presence.visit(node))
  const seeds = new Map([[loss, () => b.scalarLike(loss, 1)]])
  return new Differentiator(model.graph, b, presence, wanted).run(seeds)
}
