/** float32 masters of half-precision weights, where the arithmetic stays in the half type. */
import { Builder } from '../src/builder.js'
import { Value } from '../src/ir.js'
import { prepareInitializer } from '../src/infer.js'
import { widened } from '../src/tensor.js'
import { tensorType } from '../src/types.js'
import type { CompileContext, Parameter, Pass } from './pass.js'
import { isHalf } from './widen.js'

export const masters: Pass = {
  name: 'masters',
  purpose: 'Trains half-precision weights as float32 masters, each cast to the half type once.',
  needs: 'Every value typed; ctx.parameters.',
  leaves: 'No trainable parameter of a half type; ctx.scalesLoss.',
  run(ctx) {
    const half = ctx.parameters.filter((p) => p.trainable && isHalf(p.value.type?.dtype))
    for (const p of half) addMaster(ctx, p)
    ctx.arithmetic = half[0]?.sourceType
    ctx.scalesLoss = half.some((p) => p.sourceType === 'float16')
  },
}

/** The loss times a factor that the runtime feeds, so that gradients do not underflow in float16 on their way. */
export function scaledLoss({ model, table, loss }: CompileContext): Value {
  loss!.scaleInput = model.graph.addInput(new Value('loss_scale', tensorType('float32', [])))
  return new Builder(model, model.graph, table).mul(loss!.output, loss!.scaleInput)
}

/** The gradient of the loss itself. */
export function unscaled({ model, table, loss }: CompileContext, gradient: Value): Value {
  const scale = loss!.scaleInput
  return scale ? new Builder(model, model.graph, table).div(gradient, scale) : gradient
}

function addMaster({ model, table }: CompileContext, p: Parameter): void {
  const { graph } = model
  const narrow = p.value
  const master = graph.addInitializer(p.name, widened(narrow.data!))
  prepareInitializer(master)
  const cast = new Builder(model, graph, table).cast(master, narrow.type!.dtype)
  cast.name = `${p.name}_${narrow.type!.dtype}`
  narrow.replaceAllUsesWith(cast)
  graph.removeInitializer(narrow)
  p.value = master
}
