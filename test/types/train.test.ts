/** Training of half-precision and double-precision models: masters in float32, the exported model in the source's own type. */
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import ort from 'onnxruntime-node'
import { afterAll, describe, expect, test } from 'vitest'
import { readSafetensors, Trainer, type HostTensor } from '../../runtime/index.js'
import { compile } from '../../src/index.js'
import { converted } from '../../src/host-tensor.js'
import { loadModel } from '../../src/onnx/index.js'

const HERE = import.meta.dirname
const root = mkdtempSync(path.join(os.tmpdir(), 'types-'))
afterAll(() => rmSync(root, { recursive: true }))

const MODELS = {
  gpt2_float16: { dtype: 'float16', runs: true },
  llama_float16_ts17: { dtype: 'float16', runs: true },
  // Stock ONNX Runtime has no bfloat16 kernels on CPU, and no Erf of float64.
  gpt2_bfloat16: { dtype: 'bfloat16', runs: false },
  gpt2_float64: { dtype: 'float64', runs: true },
} as const

describe.each(Object.entries(MODELS))('%s', (name, { dtype, runs }) => {
  const source = path.join(HERE, `${name}.onnx`)
  const reference = readSafetensors(path.join(HERE, `${name}.safetensors`))

  test('trains, and is exported as what it was', async () => {
    const directory = path.join(root, name)
    compile(source, { loss: { kind: 'causal-lm' } }).write(directory)
    const trainer = await Trainer.open(directory, {
      steps: 8,
      learningRate: 1e-2,
      session: { threads: 1, spin: false },
    })
    const { inputs, loss } = trainer.compiled.manifest
    const batch = {
      inputs: Object.fromEntries(inputs.map((spec) => [spec.name, reference.get(`in/${spec.name}`)!])),
      labels: reference.get('labels')!,
    }
    const before = (await trainer.evaluate([batch])).loss
    expect(before).toBeCloseTo(Number(reference.get('loss')!.data[0]), 3)
    for (let i = 0; i < 8; i++)
      await trainer.trainStep([batch], [trainer.compiled.manifest.sites.map(() => true)])
    const after = (await trainer.evaluate([batch])).loss
    expect(after).toBeLessThan(before - 0.5)

    const trained = new Map(trainer.state.storedParameters())
    for (const tensor of trained.values())
      if (tensor.dtype !== 'int64') expect(tensor.dtype).toBe(dtype === 'float64' ? dtype : 'float32')
    const file = path.join(root, `${name}.onnx`)
    trainer.exportModel(file, source)
    const types = typesOf(source)
    checkParameters(trainer, types)
    expect(typesOf(file)).toEqual(types)
    if (runs) expect(await lossOf(file, batch)).toBeCloseTo(after, dtype === 'float64' ? 5 : 2)
    expect(loss.kind).toBe('causal-lm')
    await trainer.release()
  })
})

/** Element types of a model's initializers by name. */
function typesOf(file: string): Map<string, string> {
  return new Map([...loadModel(file).graph.initializers].map((v) => [v.name, v.data!.dtype]))
}

/** The framework's parameters are the trained ones, rounded to the source's type. */
function checkParameters(trainer: Trainer, types: ReadonlyMap<string, string>): void {
  const file = path.join(root, 'model.safetensors')
  trainer.exportParameters(file)
  const written = readSafetensors(file)
  const trained = new Map(trainer.state.storedParameters())
  for (const p of trainer.compiled.manifest.parameters) {
    const tensor = written.get(p.name)!
    const dtype = types.get(p.source.initializer)!
    expect([p.name, tensor.dtype]).toEqual([p.name, dtype])
    if (!p.source.transposed) expect(tensor.data).toEqual(converted(trained.get(p.name)!, dtype).data)
  }
}

/** Next-token cross-entropy of an inference model's logits, over the labels that count. */
async function lossOf(
  file: string,
  batch: { inputs: Record<string, HostTensor>; labels: HostTensor },
): Promise<number> {
  const session = await ort.InferenceSession.create(file, { intraOpNumThreads: 1, logSeverityLevel: 3 })
  const feeds = Object.entries(batch.inputs).map(([name, t]) => [
    name,
    new ort.Tensor(t.dtype as 'int64', t.data as BigInt64Array, t.shape),
  ])
  const { logits } = await session.run(Object.fromEntries(feeds) as Record<string, ort.Tensor>)
  await session.release()
  const [rows, seq, classes] = logits!.dims as [number, number, number]
  const { data } = converted({ dtype: logits!.type, shape: logits!.dims, data: bitsOf(logits!) }, 'float64')
  let [total, count] = [0, 0]
  for (let row = 0; row < rows * seq; row++) {
    const label = row % seq === seq - 1 ? -100 : Number(batch.labels.data[row + 1])
    if (label === -100) continue
    const scores = Array.from(data.subarray(row * classes, (row + 1) * classes), Number)
    total += Math.log(scores.reduce((sum, x) => sum + Math.exp(x), 0)) - scores[label]!
    count++
  }
  return total / count
}

/** Newer versions of Node give float16 tensors as Float16Array. */
function bitsOf(tensor: ort.Tensor): HostTensor['data'] {
  const data = tensor.data as Float32Array
  return tensor.type === 'float16'
    ? (new Uint16Array(data.buffer, data.byteOffset, data.length) as HostTensor['data'])
    : data
}
