/** Names in the file: unique over all graphs, and the source's where it had them. */
import { describe, expect, it } from 'vitest'
import { Graph, Model, Node, Value } from '../../src/ir.js'
import { assignNames, encodeModel, readModel } from '../../src/onnx/index.js'
import { Tensor } from '../../src/tensor.js'
import { tensorType } from '../../src/types.js'
import { feed, runModel } from '../helpers/expect-pass.js'

const FLOAT = tensorType('float32', [])

function modelOf(graph: Graph): Model {
  const model = new Model(graph)
  model.opsets.set('', 20)
  return model
}

/** A branch that computes `op(x)` under names that every branch uses. */
function branch(op: string, x: Value): Graph {
  const graph = new Graph('branch')
  const k = graph.addInitializer('const', Tensor.scalar('float32', 2))
  const first = graph.addNode(new Node('Mul', [x, k], [new Value('t')]))
  const last = graph.addNode(new Node(op, [first.output()], [new Value('y')]))
  for (const node of graph.nodes) node.name = 'node'
  graph.setOutputs(last.outputs)
  return graph
}

function branching(): Model {
  const graph = new Graph('g')
  const c = graph.addInput(new Value('c', tensorType('bool', [])))
  const x = graph.addInput(new Value('x', FLOAT))
  const k = graph.addInitializer('const', Tensor.scalar('float32', 3))
  const scaled = graph.addNode(new Node('Mul', [x, k], [new Value('t')]))
  const choice = new Node(
    'If',
    [c],
    [new Value('y', FLOAT)],
    [
      ['then_branch', { type: 'graph', value: branch('Neg', scaled.output()) }],
      ['else_branch', { type: 'graph', value: branch('Abs', scaled.output()) }],
    ],
  )
  graph.addNode(choice)
  graph.setOutputs(choice.outputs)
  return modelOf(graph)
}

describe('names', () => {
  it('are unique over branches and the outer graph, and the model runs', async () => {
    const model = branching()
    for (const c of [0, 1]) {
      const { y } = await runModel(model, { c: feed('bool', [], [c]), x: feed('float32', [], [1]) })
      expect(y!.data).toEqual([c ? -6 : 6])
    }
    const read = readModel(encodeModel(model))
    const graphs = [read.graph, ...[...read.graph.nodes].flatMap((n) => n.subgraphs.map(([, g]) => g))]
    const names = graphs.flatMap((g) => [
      ...[...g.inputs, ...g.initializers].map((v) => v.name),
      ...[...g.nodes].flatMap((n) => n.outputs.map((v) => v.name)),
    ])
    expect(names.sort()).toEqual([
      'c',
      'const',
      'const_1',
      'const_2',
      't',
      't_1',
      't_2',
      'x',
      'y',
      'y_1',
      'y_2',
    ])
    const nodeNames = graphs.flatMap((g) => [...g.nodes].map((n) => n.name)).filter(Boolean)
    expect(new Set(nodeNames).size).toBe(nodeNames.length)
  })

  it('of inputs, outputs and initializers come first', () => {
    const graph = new Graph('g')
    const x = graph.addInput(new Value('v', FLOAT))
    const first = graph.addNode(new Node('Exp', [x], [new Value('loss')]))
    const second = graph.addNode(new Node('Neg', [first.output()], [new Value('w')]))
    const w = graph.addInitializer('w', Tensor.scalar('float32', 1))
    const last = graph.addNode(new Node('Add', [second.output(), w], [new Value('loss')]))
    graph.setOutputs(last.outputs)
    const names = assignNames(modelOf(graph))
    expect([x, w, last.output(), first.output(), second.output()].map((v) => names.of(v))).toEqual([
      'v',
      'w',
      'loss',
      'loss_1',
      'w_1',
    ])
  })

  it('do not take a numbered name that exists', () => {
    const graph = new Graph('g')
    for (const name of ['a', 'a', 'a_1', 'a', 'a_1', '']) graph.addInput(new Value(name, FLOAT))
    const written = readModel(encodeModel(modelOf(graph))).graph.inputs.map((v) => v.name)
    expect(written).toEqual(['a', 'a_1', 'a_1_1', 'a_2', 'a_1_2', 'value'])
  })

  it('are left alone in the IR', () => {
    const model = branching()
    encodeModel(model)
    expect([...model.graph.initializers].map((v) => v.name)).toEqual(['const'])
    expect([...model.graph.nodes].map((n) => n.output().name)).toEqual(['t', 'y'])
  })

  it('exist for a result that stands twice, an input or an initializer', async () => {
    const graph = new Graph('g')
    const x = graph.addInput(new Value('x', FLOAT))
    const k = graph.addInitializer('k', Tensor.scalar('float32', 3))
    k.type = FLOAT
    const y = graph.addNode(new Node('Neg', [x], [new Value('y', FLOAT)])).output()
    graph.setOutputs([y, y, x, k])
    const outputs = await runModel(modelOf(graph), { x: feed('float32', [], [4]) })
    expect(Object.entries(outputs).map(([name, o]) => [name, o.data[0]])).toEqual([
      ['y', -4],
      ['y_1', -4],
      ['x', 4],
      ['k', 3],
    ])
  })

  it('nodes are written so that producers come first', () => {
    const graph = new Graph('g')
    const x = graph.addInput(new Value('x', FLOAT))
    const late = new Node('Neg', [x], [new Value('a')])
    graph.addNode(new Node('Exp', [late.output()], [new Value('b')]))
    graph.addNode(late)
    expect([...readModel(encodeModel(modelOf(graph))).graph.nodes].map((n) => n.op)).toEqual(['Neg', 'Exp'])
  })

  it('a chain of 50,000 nodes is read and written without recursion', () => {
    const graph = new Graph('g')
    let value = graph.addInput(new Value('x', FLOAT))
    for (let i = 0; i < 50_000; i++)
      value = graph.addNode(new Node('Neg', [value], [new Value('n')])).output()
    graph.setOutputs([value])
    expect(readModel(encodeModel(modelOf(graph))).graph.nodes.size).toBe(50_000)
  })
})
