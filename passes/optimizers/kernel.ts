/** AdamW's step as a call of the function that a kernel computes in one pass over memory. */
import { ADAMW } from '../../kernels/adamw/function.js'
import { Builder } from '../../src/builder.js'
import { Expr } from '../../src/expr.js'
import { Graph, Model, Node, Value, type FunctionDef } from '../../src/ir.js'
import { DOMAIN } from '../../src/ops/dropbp.js'
import type { OpTable } from '../../src/op.js'
import { tensorType } from '../../src/types.js'
import { asFunction, MARK } from '../lowering/kernel-calls.js'
import { simplifyModel } from '../simplify.js'
import { adamw } from './adamw.js'
import { PER_PARAMETER } from './rule.js'

/**
 * The call for one parameter.
 * @param tensors p, g, m, v, step
 * @param hyperparameter the value of that name; a vector where parameters may differ
 */
export function adamwCall(
  tensors: readonly Value[],
  hyperparameter: (name: string) => Value,
  next: readonly Value[],
  index: number,
): Node {
  const inputs = [...tensors, ...ADAMW.hyperparameters.map(hyperparameter)]
  return new Node(ADAMW.name, inputs, next, [['index', { type: 'int', value: index }]], DOMAIN)
}

/** The function: the rule's update where the gradient is present. */
export function adamwFunction(table: OpTable): FunctionDef {
  const model = new Model(new Graph(ADAMW.name))
  model.opsets.set('', 20)
  const b = new Builder(model, model.graph, table)
  const declared = new Map(
    [...ADAMW.tensors, ...ADAMW.hyperparameters].map((name) => [
      name as string,
      model.graph.addInput(new Value(name, tensorType('float32', shapeOf(name)))),
    ]),
  )
  const input = (name: string): Value => declared.get(name)!
  const update = adamw.prepare(b, input, 'float32')
  const own = (v: Value): Value => b.emit('Gather', [v, b.scalar('int64', MARK)], { axis: 0 })
  const old = ['p', 'm', 'v', 'step'].map(input)
  const present = b.emit('Greater', [b.emit('Size', [input('g')]), b.scalar('int64', 0)])
  const branch = (name: string, fill: (b: Builder) => readonly Value[]) => {
    const graph = new Graph(name)
    graph.setOutputs(fill(new Builder(model, graph, table)))
    return { type: 'graph', value: graph } as const
  }
  const node = new Node(
    'If',
    [present],
    old.map((v) => new Value(`next_${v.name}`, v.type)),
    [
      ['then_branch', branch('update', (inner) => update(inner, old[0]!, input('g'), old.slice(1), own))],
      ['else_branch', branch('leave', (inner) => old.map((v) => inner.emit('Identity', [v])))],
    ],
  )
  model.graph.setOutputs(model.graph.addNode(node).outputs)
  simplifyModel(model, table)
  return asFunction(ADAMW.name, model, ADAMW.attributes)
}

function shapeOf(name: string): (number | Expr)[] {
  if ((PER_PARAMETER as readonly string[]).includes(name)) return [Expr.symbol('parameters')]
  return ['p', 'g', 'm', 'v'].includes(name) ? [Expr.symbol('elements')] : []
}
