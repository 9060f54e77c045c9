/**
 * Dropout of training-mode exports: the mask of the forward is that of the backward, a different one at every step, and none
 * in evaluation. What a graph computes is held against one that is given the masks that it drew.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import ort from 'onnxruntime-node'
import { afterAll, describe, expect, test } from 'vitest'
import { canonicalise } from '../../passes/canonicalise.js'
import { foldConstants } from '../../passes/fold-constants.js'
import { inferTypes } from '../../passes/infer-types.js'
import { readSafetensors, Trainer, type HostTensor } from '../../runtime/index.js'
import {
  compileModel,
  newContext,
  runPasses,
  type Compilation,
  type CompileRequest,
} from '../../src/index.js'
import { isDraw } from '../../src/draws.js'
import { digestFile } from '../../src/files.js'
import { Node, Value, type Model } from '../../src/ir.js'
import { encodeModel, loadModel } from '../../src/onnx/index.js'
import { allGraphs, topologicalOrder } from '../../src/order.js'
import { Tensor } from '../../src/tensor.js'

const HERE = import.meta.dirname
const RATIO = 0.1
const root = mkdtempSync(path.join(os.tmpdir(), 'dropout-'))
afterAll(() => rmSync(root, { recursive: true }))

const names = readdirSync(HERE)
  .filter((file) => file.endsWith('.onnx'))
  .map((file) => path.basename(file, '.onnx'))

describe.each(names)('%s', (name) => {
  const reference = readSafetensors(path.join(HERE, `${name}.safetensors`))
  const request: CompileRequest = { loss: { kind: name.startsWith('gpt2') ? 'causal-lm' : 'token' } }
  const source = (): Model => loadModel(path.join(HERE, `${name}.onnx`))
  const count = dropouts(source()).length

  test('evaluates without', async () => {
    const compilation = compileModel(source(), request)
    for (const model of [compilation.evaluation, compilation.annotated]) expect(dropouts(model)).toEqual([])
    const { loss } = await run(compilation.evaluation, compilation, reference)
    expect(loss!.data[0]).toBeCloseTo(Number(reference.get('loss')!.data[0]), 5)
  })

  test('is exported without', async () => {
    const directory = path.join(root, name)
    compileModel(source(), request).write(directory)
    const trainer = await Trainer.open(directory, {
      steps: 1,
      learningRate: 1,
      session: { threads: 1, spin: false },
    })
    const file = path.join(root, `${name}.onnx`)
    // Compiled from a model in memory: its manifest has no hash to hold the source against.
    trainer.compiled.manifest.source.sha256 = digestFile(path.join(HERE, `${name}.onnx`)).sha256
    trainer.exportModel(file, path.join(HERE, `${name}.onnx`))
    await trainer.release()
    expect(dropouts(loadModel(file)).filter(isDraw)).toEqual([])
    const logits = async (): Promise<unknown> => {
      const session = await open(loadModel(file))
      const fed = Object.fromEntries(session.inputNames.map((n) => [n, tensor(reference.get(`in/${n}`)!)]))
      const results = await session.run(fed)
      await session.release()
      return results.logits!.data
    }
    expect(await logits()).toEqual(await logits())
  })

  test('draws another mask at every step', async () => {
    const compilation = compileModel(source(), request)
    const session = await open(compilation.training)
    const fed = feeds(session, compilation, reference)
    const losses = []
    for (let i = 0; i < 4; i++) losses.push((await session.run(fed)).loss!.data[0])
    expect(new Set(losses).size).toBe(4)
    await session.release()
  })

  test('has the gradients of the masks that it drew, gated and recomputed too', async () => {
    const flat = compileModel(seeded(source()), { ...request, flat: true })
    const drawn = exposeMasks(flat.training)
    expect(drawn).toHaveLength(count)
    const results = await run(flat.training, flat, reference)
    const masks = new Map<string, ort.Tensor>()
    for (const key of drawn) {
      const mask = results[key]!
      const share = [...(mask.data as Uint8Array)].reduce((n, x) => n + x, 0) / mask.size
      expect(share, key).toBeGreaterThan(1 - RATIO - 0.08)
      expect(share, key).toBeLessThan(1 - RATIO + 0.08)
      masks.set(key, new ort.Tensor('float32', Float32Array.from(mask.data as Uint8Array), mask.dims))
    }

    const given = compileModel(withMasksGiven(source()), { ...request, flat: true })
    expectSame(flat, results, await run(given.training, given, reference, masks), 1e-5)

    const recompute = ['attention', 'mlp'] as const
    for (const options of [{}, { recompute }]) {
      const gated = compileModel(seeded(source()), { ...request, ...options })
      expect(gated.manifest.sites).toHaveLength(2)
      // One draw for the forward and the backward, and one for a forward that is dropped.
      const drawing = dropouts(gated.training)
      expect(drawing.filter((n) => n.outputs.length === 2)).toHaveLength(count)
      expect(drawing.length).toBeLessThan(2 * count)
      expectSame(flat, results, await run(gated.training, gated, reference), 1e-5)
      // The forward does not know which branches are dropped.
      const dropped = await run(gated.training, gated, reference, new Map(), false)
      expect(dropped.loss!.data[0]).toBeCloseTo(Number(results.loss!.data[0]), 6)
    }
  })
})

function dropouts(model: Model): Node[] {
  return allGraphs(model.graph).flatMap((graph) =>
    [...graph.nodes].filter((n) => isDraw(n) || n.op === 'Dropout'),
  )
}

/** The model with a seed for each Dropout, so that the first run of a session draws the same. */
function seeded(model: Model): Model {
  topologicalOrder(model.graph)
    .filter((n) => n.op === 'Dropout')
    .forEach((node, i) => node.attributes.set('seed', { type: 'int', value: i + 1 }))
  return model
}

/** Makes the mask of every Dropout a result. */
function exposeMasks(model: Model): string[] {
  const found = dropouts(model)
  return found.map((node) => {
    const mask = node.outputs[1] ?? node.addOutput(new Value('mask'))
    mask.type = { dtype: 'bool', shape: node.input(0).type!.shape! }
    mask.name = `mask_${node.int('seed', 0)}`
    model.graph.setOutput(model.graph.outputs.length, mask)
    return mask.name
  })
}

/** The model with an input for the mask of every Dropout. */
function withMasksGiven(model: Model): Model {
  const ctx = newContext(seeded(model))
  runPasses(ctx, [canonicalise, inferTypes, foldConstants])
  const { graph } = ctx.model
  const factor = graph.addInitializer('factor', Tensor.scalar('float32', 1 / (1 - RATIO)))
  for (const node of dropouts(ctx.model)) {
    const x = node.input(0)
    expect(node.input(1).data!.item()).toBeCloseTo(RATIO, 6)
    const mask = graph.addInput(
      new Value(`mask_${node.int('seed', 0)}`, { dtype: 'float32', shape: x.type!.shape! }),
    )
    const product = (a: Value, b: Value): Value =>
      graph.addNode(new Node('Mul', [a, b], [new Value('masked')])).output()
    node.output().replaceAllUsesWith(product(product(x, mask), factor))
    graph.removeNode(node)
  }
  return ctx.model
}

function open(model: Model): Promise<ort.InferenceSession> {
  return ort.InferenceSession.create(encodeModel(model), {
    intraOpNumThreads: 1,
    // ONNX Runtime moves transpositions across a Dropout, which then draws for its elements in another order.
    graphOptimizationLevel: 'disabled',
    enableMemPattern: false,
    logSeverityLevel: 3,
  })
}

async function run(
  model: Model,
  compilation: Compilation,
  reference: ReadonlyMap<string, HostTensor>,
  masks: ReadonlyMap<string, ort.Tensor> = new Map(),
  keep = true,
): Promise<ort.InferenceSession.ReturnType> {
  const session = await open(model)
  const results = await session.run({
    ...feeds(session, compilation, reference, keep),
    ...Object.fromEntries(masks),
  })
  await session.release()
  return results
}

function feeds(
  session: ort.InferenceSession,
  { manifest, context }: Compilation,
  reference: ReadonlyMap<string, HostTensor>,
  keep = true,
): Record<string, ort.Tensor> {
  const fed: Record<string, ort.Tensor> = {}
  for (const { name } of manifest.inputs)
    if (reference.has(`in/${name}`)) fed[name] = tensor(reference.get(`in/${name}`)!)
  fed[manifest.loss.labels!.name] = tensor(reference.get('labels')!)
  for (const site of manifest.sites)
    if (session.inputNames.includes(site.keep)) fed[site.keep] = new ort.Tensor('bool', [keep], [])
  for (const p of context.differentiated!.parameters) {
    const { shape } = p.value.data!
    fed[p.name] = new ort.Tensor('float32', Float32Array.from(p.value.data!.numbers()), shape)
  }
  return fed
}

function tensor({ dtype, data, shape }: HostTensor): ort.Tensor {
  return new ort.Tensor(dtype as 'int64', data as BigInt64Array, shape)
}

/** Loss and every gradient agree, relative to the largest gradient. */
function expectSame(
  { manifest }: Compilation,
  got: ort.InferenceSession.ReturnType,
  expected: ort.InferenceSession.ReturnType,
  tolerance: number,
): void {
  expect(Number(got.loss!.data[0])).toBeCloseTo(Number(expected.loss!.data[0]), 5)
  const arrays = (results: ort.InferenceSession.ReturnType, name: string) =>
    Array.from(results[name]!.data as Float32Array)
  for (const { name, gradient } of manifest.parameters) {
    const [x, y] = [arrays(got, gradient!), arrays(expected, gradient!)]
    expect(x.length, name).toBe(y.length)
    const norm = Math.hypot(...y)
    const error = Math.hypot(...x.map((v, i) => v - y[i]!)) / Math.max(norm, 1e-3)
    expect(error, name).toBeLessThan(tolerance)
  }
}
