/** Weights put back: into the source model, whose graph stays as it was, and under the framework's names and layouts. */
import fs from 'node:fs'
import path from 'node:path'
import ort from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import {
  exportModel,
  exportParameters,
  readSafetensors,
  TrainingState,
  writeSafetensors,
  type CompiledModel,
  type HostTensor,
  type ParameterSpec,
} from '../../runtime/index.js'
import { digestFile, replaceFile } from '../../src/files.js'
import { Graph, Model, Node, Value } from '../../src/ir.js'
import { loadModel, saveModel } from '../../src/onnx/index.js'
import { Tensor } from '../../src/tensor.js'
import { tensorType } from '../../src/types.js'
import { copyTiny, openTiny, reference, SOURCE, temporaryDirectory, tinyData } from './tiny.js'

describe('the tiny model', () => {
  it('computes with onnxruntime what the trained graph computes, and is else the source', async () => {
    const trainer = await openTiny()
    const data = tinyData(trainer, { shuffle: false })
    for (let i = 0; i < 3; i++) await trainer.trainStep([data.next()], [reference.masks[i]!])
    const file = path.join(temporaryDirectory(), 'trained.onnx')
    trainer.exportModel(file)
    const batch = data.next()
    const session = await ort.InferenceSession.create(file, { intraOpNumThreads: 1 })
    const ids = batch.inputs.input_ids!.data as BigInt64Array
    const { logits } = await session.run({ input_ids: new ort.Tensor('int64', ids, [2, 8]) })
    await session.release()
    const { loss } = await trainer.evaluate([batch])
    expect(crossEntropy(logits!.data as Float32Array, ids, 8)).toBeCloseTo(loss, 5)
    expect(withoutWeights(file)).toEqual(withoutWeights(SOURCE))
  })

  it('has its trained weights in safetensors', async () => {
    const trainer = await openTiny()
    await trainer.trainStep([tinyData(trainer).next()], [[true, true]])
    const file = path.join(temporaryDirectory(), 'x.safetensors')
    trainer.exportParameters(file)
    expect(readSafetensors(file)).toEqual(new Map(trainer.state.storedParameters()))
  })

  it('is not exported from another source', async () => {
    const directory = copyTiny()
    const trainer = await openTiny({}, directory)
    const out = path.join(temporaryDirectory(), 'x.onnx')
    expect(() => trainer.exportModel(out)).toThrow(
      expect.objectContaining({ code: 'missing-source', kind: 'io' }),
    )
    fs.writeFileSync(path.join(directory, '../tiny.onnx'), 'another')
    expect(() => trainer.exportModel(out)).toThrow(
      expect.objectContaining({ code: 'changed-source', kind: 'io' }),
    )
    expect(fs.existsSync(out)).toBe(false)
    trainer.exportModel(out, SOURCE)
    expect(fs.existsSync(out)).toBe(true)
  })
})

/** Mean next-token cross-entropy, in float64. */
function crossEntropy(logits: Float32Array, ids: BigInt64Array, seq: number): number {
  const classes = logits.length / ids.length
  let total = 0
  let count = 0
  for (let i = 0; i < ids.length; i++) {
    if (i % seq === seq - 1) continue
    const row = Array.from(logits.subarray(i * classes, (i + 1) * classes))
    const top = Math.max(...row)
    total += top + Math.log(row.reduce((sum, x) => sum + Math.exp(x - top), 0)) - row[Number(ids[i + 1])]!
    count++
  }
  return total / count
}

function withoutWeights(file: string): unknown {
  const { graph } = loadModel(file)
  const names = (values: readonly (Value | null)[]): (string | undefined)[] => values.map((v) => v?.name)
  return {
    inputs: names(graph.inputs),
    outputs: names(graph.outputs),
    initializers: [...graph.initializers].map((v) => [v.name, v.data!.dtype, v.data!.shape]),
    nodes: [...graph.nodes].map((n) => [
      n.op,
      n.name,
      names(n.inputs),
      names(n.outputs),
      [...n.attributes.keys()],
    ]),
  }
}

const f32 = (shape: number[], values: number[]): HostTensor => ({
  dtype: 'float32',
  shape,
  data: Float32Array.from(values),
})

type Source = ParameterSpec['source']

/**
 * A source model as exporters leave it: a transposed weight, a tie broken by a transposed copy, two equal weights merged into
 * the first of them, a folded `1 + w`, and a frozen table.
 */
function exported() {
  const directory = path.join(temporaryDirectory(), 'm.dropbp')
  fs.mkdirSync(path.join(directory, 'checkpoint'), { recursive: true })
  const graph = new Graph()
  const init = (name: string, shape: number[], values: number[]): Value =>
    graph.addInitializer(name, Tensor.of('float32', shape, values))
  const embedding = init('embed', [3, 2], [1, 2, 3, 4, 5, 6])
  const table = init('table', [2, 3], [1, 3, 5, 2, 4, 6])
  const linear = init('val_1', [2, 2], [1, 2, 3, 4])
  const ones = init('a.norm.weight', [2], [1, 1])
  const folded = init('val_2', [2], [1.5, 0.5])
  const positions = init('positions', [2], [7, 8])
  const x = graph.addInput(new Value('ids', tensorType('int64', ['n'])))
  const add = (op: string, inputs: Value[], name: string): Value =>
    graph.addNode(new Node(op, inputs, [new Value(`${name}_out`)])).output()
  const named = (op: string, inputs: Value[], name: string): Value => {
    const out = add(op, inputs, name)
    out.producer!.name = name
    return out
  }
  const merged = add('Identity', [ones], 'merged')
  let h = named('Gather', [embedding, x], 'lookup')
  for (const [op, weight, name] of [
    ['Mul', ones, 'norm_a'],
    ['MatMul', linear, 'linear'],
    ['Mul', merged, 'norm_b'],
    ['Mul', folded, 'gemma'],
    ['Add', positions, 'shift'],
    ['MatMul', table, 'head'],
  ] as const) {
    h = named(op, [h, weight], name)
  }
  h.type = tensorType('float32', ['n', 3])
  graph.setOutputs([h])
  const model = new Model(graph)
  model.opsets.set('', 20)
  const file = path.join(directory, '../m.onnx')
  saveModel(model, file)

  const parameter = (
    name: string,
    shape: number[],
    source: Partial<Source> & { initializer: string },
    trainable = true,
  ): ParameterSpec => ({
    name,
    input: trainable ? name : null,
    dtype: 'float32',
    shape,
    gradient: trainable ? `${name}_grad` : null,
    trainable,
    source: { transposed: false, derived: null, aliases: [], ...source },
    sites: [],
    presentWhen: [[]],
  })
  const parameters = [
    parameter('embed.weight', [3, 2], { initializer: 'embed', aliases: ['table', 'lm_head.weight'] }),
    parameter('fc.weight', [2, 2], { initializer: 'val_1', transposed: true }),
    parameter('a.norm.weight', [2], { initializer: 'a.norm.weight', uses: ['norm_a'] }),
    parameter('b.norm.weight', [2], { initializer: 'a.norm.weight', uses: ['norm_b'] }),
    parameter('gemma.weight', [2], { initializer: 'val_2', derived: '1 + w' }),
    parameter('positions', [2], { initializer: 'positions' }, false),
  ]
  const manifest = {
    source: { file: 'm.onnx', sha256: digestFile(file).sha256 },
    checkpoint: 'checkpoint/params.safetensors',
    parameters,
    optimizer: { hyperparameters: [], kind: 'sgd', state: [], parameter: { input: '{}', output: '{}_next' } },
  }
  const start = ['embed', 'val_1', 'a.norm.weight', 'a.norm.weight', 'val_2'].map((name): HostTensor => {
    const { shape, data } = [...graph.initializers]
      .map((v) => ({ ...v, data: v.data!, shape: v.data!.shape }))
      .find((v) => v.name === name)!
    // A derived parameter is trained as the framework has it.
    return f32([...shape], name === 'val_2' ? [0.5, -0.5] : [...data.numbers()])
  })
  const trainable = parameters.filter((p) => p.trainable)
  replaceFile(path.join(directory, manifest.checkpoint), (sink) =>
    writeSafetensors(
      sink,
      trainable.map((p, i) => [p.name, start[i]!]),
    ),
  )
  const trained = [
    f32([3, 2], [10, 20, 30, 40, 50, 60]),
    f32([2, 2], [5, 6, 7, 8]),
    f32([2], [2, 3]),
    f32([2], [4, 5]),
    f32([2], [0.25, -0.75]),
  ]
  const state = new TrainingState(manifest as never, (spec) => trained[trainable.indexOf(spec as never)]!)
  return { compiled: { directory, manifest } as unknown as CompiledModel, state, file, parameters }
}

describe('what exporters do to weights is undone', () => {
  it('in the source model', () => {
    const { compiled, state, file } = exported()
    const out = path.join(temporaryDirectory(), 'out.onnx')
    exportModel(compiled, state, out)
    const read = (node: string): number[] => {
      const found = [...loadModel(out).graph.nodes].find((n) => n.name === node)!
      return [...(found.inputs.find((v) => v?.isInitializer)?.data?.numbers() ?? [])]
    }
    expect(read('lookup')).toEqual([10, 20, 30, 40, 50, 60])
    expect(read('head')).toEqual([10, 30, 50, 20, 40, 60])
    expect(read('linear')).toEqual([5, 6, 7, 8])
    expect(read('norm_a')).toEqual([2, 3])
    expect(read('norm_b')).toEqual([4, 5])
    expect(read('gemma')).toEqual([1.25, 0.25])
    expect(read('shift')).toEqual([7, 8])
    const norms = [...loadModel(out).graph.initializers].map((v) => v.name).filter((n) => n.includes('norm'))
    expect(norms.sort()).toEqual(['a.norm.weight', 'b.norm.weight'])
    // All but the Identity that a merged weight went through.
    expect(loadModel(out).graph.nodes.size).toBe(loadModel(file).graph.nodes.size - 1)
  })

  it('in safetensors', () => {
    const { compiled, state } = exported()
    const out = path.join(temporaryDirectory(), 'out.safetensors')
    exportParameters(compiled, state, out)
    expect(
      Object.fromEntries(
        [...readSafetensors(out)].map(([name, t]) => [name, [t.shape, Array.from(t.data as Float32Array)]]),
      ),
    ).toEqual({
      'embed.weight': [
        [3, 2],
        [10, 20, 30, 40, 50, 60],
      ],
      'fc.weight': [
        [2, 2],
        [5, 7, 6, 8],
      ],
      'a.norm.weight': [[2], [2, 3]],
      'b.norm.weight': [[2], [4, 5]],
      'gemma.weight': [[2], [0.25, -0.75]],
      positions: [[2], [7, 8]],
    })
  })

  it('or refused, where the manifest does not tell who reads a merged weight', () => {
    const { compiled, state, parameters } = exported()
    delete parameters[2]!.source.uses
    const out = path.join(temporaryDirectory(), 'out.onnx')
    expect(() => exportModel(compiled, state, out)).toThrow(
      expect.objectContaining({ code: 'shared-initializer' }),
    )
    expect(fs.existsSync(out)).toBe(false)
  })

  it('or refused, where the source does not hold what was compiled', () => {
    const { compiled, state, parameters } = exported()
    parameters[1]!.source.initializer = 'positions'
    expect(() => exportModel(compiled, state, '/nowhere/out.onnx')).toThrow(
      expect.objectContaining({ code: 'source-mismatch' }),
    )
  })
})
