/** A case's model as rules see it, and as the reference interpreter can run it. */
import { canonicalise } from '../../../passes/canonicalise.js'
import { newContext } from '../../../passes/compile.js'
import { foldConstants } from '../../../passes/fold-constants.js'
import { inferTypes } from '../../../passes/infer-types.js'
import { lowerModel } from '../../../passes/lower.js'
import { runPasses } from '../../../passes/pipeline.js'
import { cloneModel } from '../../../src/clone.js'
import { evaluateGraph } from '../../../src/evaluate.js'
import { Value, type Model } from '../../../src/ir.js'
import type { NdArray } from '../../../src/op.js'
import { standardOps } from '../../../src/ops/index.js'
import { Tensor } from '../../../src/tensor.js'
import { isFloat } from '../../../src/types.js'
import { expandUnevaluable } from '../../helpers/expand.js'
import type { Item } from './cases.js'

/** A case's model in canonical form, and what its inputs are fed with. */
export interface Prepared {
  readonly model: Model
  /** Tensors by the graph's inputs. */
  readonly feeds: ReadonlyMap<Value, Tensor>
}

/**
 * Brings a model into canonical form with types, as a compilation does. The model is changed.
 * @param integers whether inputs that are not floats become initializers: sizes, axes and indices, which exporters write so
 * @throws CompileError where the compiler refuses the model
 */
export function prepare(source: Model, inputs: readonly Item[], integers: 'fed' | 'constant'): Prepared {
  source.graph.inputs.forEach((value, i) => (value.name = `operand${i}`))
  const given = new Map(source.graph.inputs.map((v, i) => [v.name, inputs[i]]))
  if (integers === 'constant') fixIntegers(source, given)
  const ctx = newContext(source)
  runPasses(ctx, [canonicalise, inferTypes, foldConstants])
  const feeds = new Map<Value, Tensor>()
  for (const value of ctx.model.graph.inputs) {
    const item = given.get(value.name)
    if (item instanceof Tensor) feeds.set(value, item)
  }
  return { model: ctx.model, feeds }
}

function fixIntegers({ graph }: Model, given: ReadonlyMap<string, Item | undefined>): void {
  for (const input of [...graph.inputs]) {
    const data = given.get(input.name)
    if (!(data instanceof Tensor) || isFloat(data.dtype) || data.dtype === 'other') continue
    const fixed = graph.addInitializer(input.name, data)
    input.replaceAllUsesWith(fixed)
    graph.removeInput(input)
  }
}

/** Computes the results of a copy of the model in which what has no reference semantics is written in its parts. */
export class Reference {
  private readonly model: Model
  private readonly inputs: ReadonlyMap<Value, Value>

  constructor(model: Model) {
    const map = new Map<Value, Value>()
    this.model = cloneModel(model, map)
    lowerModel(this.model, standardOps)
    expandUnevaluable(this.model)
    this.inputs = new Map(model.graph.inputs.map((v) => [v, map.get(v)!]))
  }

  /** @throws CompileError `not-evaluable` */
  run(feeds: ReadonlyMap<Value, NdArray>): NdArray[] {
    const { graph } = this.model
    const given = new Map([...feeds].map(([v, array]) => [this.inputs.get(v)!, array]))
    const arrays = evaluateGraph(graph, given, standardOps)
    return graph.outputs.map((v) => arrays.get(v)!)
  }
}
