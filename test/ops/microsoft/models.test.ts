/**
 * Models as ONNX Runtime's transformers optimizer writes them, full of com.microsoft operators: loss and gradients are those
 * that PyTorch gave for the models they were fused from, under every mask.
 */
import path from 'node:path'
import * as ort from 'onnxruntime-node'
import { expect, test } from 'vitest'
import { compileModel, type Compilation } from '../../../passes/compile.js'
import type { HostTensor } from '../../../src/host-tensor.js'
import { encodeModel, loadModel } from '../../../src/onnx/index.js'
import { SafetensorsFile } from '../../../src/safetensors.js'

const here = import.meta.dirname

type Reference = Record<string, HostTensor>

function reference(name: string): Reference {
  const file = SafetensorsFile.open(path.join(here, '../../models', `${name}.safetensors`))
  const tensors = Object.fromEntries(file.names.map((key) => [key, file.read(key)]))
  file.close()
  return tensors
}

const tensor = (t: HostTensor) =>
  new ort.Tensor(t.dtype as 'float32', t.data as Float32Array, t.shape as number[])

/** Inputs of a training graph: the batch, a mask (all kept by default), and the parameters as they are in the model. */
function feedsOf(
  { manifest, context }: Compilation,
  ref: Reference,
  mask: HostTensor | undefined,
): Record<string, ort.Tensor> {
  const feeds: Record<string, ort.Tensor> = { [manifest.loss.labels!.name]: tensor(ref.labels!) }
  for (const { name } of manifest.inputs) if (ref[`in/${name}`]) feeds[name] = tensor(ref[`in/${name}`]!)
  manifest.sites.forEach(
    (site, i) => (feeds[site.keep] = new ort.Tensor('bool', [mask ? mask.data[i] !== 0 : true], [])),
  )
  for (const p of context.parameters.filter((p) => p.trainable)) {
    const spec = manifest.parameters.find((s) => s.name === p.name)!
    feeds[spec.input!] = new ort.Tensor('float32', Float32Array.from(p.value.data!.numbers()), spec.shape)
  }
  return feeds
}

/** The elements of a gradient as PyTorch orders them. */
function elements(gradient: ort.Tensor, transposed: boolean): ArrayLike<number> {
  const data = gradient.data as Float32Array
  const [rows, columns] = gradient.dims as [number, number]
  return transposed ? data.map((_, i) => data[(i % rows) * columns + Math.floor(i / rows)]!) : data
}

/** ‖got − want‖ / ‖want‖. */
function distance(got: ArrayLike<number>, want: ArrayLike<number>): number {
  const norm = (x: number[]) => Math.hypot(...x)
  const expected = Array.from(want)
  return norm(expected.map((w, i) => got[i]! - w)) / (norm(expected) + 1e-12)
}

test.each([
  ['gpt2_fused', 'gpt2_ts17', 'com.microsoft::SkipLayerNormalization'],
  ['llama_fused', 'llama_ts17', 'com.microsoft::SkipSimplifiedLayerNormalization'],
])('%s', async (fused, original, op) => {
  const model = loadModel(path.join(here, 'fixtures', `${fused}.onnx`))
  expect([...model.graph.nodes].map((n) => n.qualifiedOp)).toContain(op)
  const ref = reference(original)
  const compiled = compileModel(model, { loss: { kind: 'causal-lm' } })
  const session = await ort.InferenceSession.create(encodeModel(compiled.training), { intraOpNumThreads: 1 })
  for (const k of ['', '0', '1', '2']) {
    const results = await session.run(feedsOf(compiled, ref, ref[`keep${k}`]))
    expect(distance(results.loss!.data as Float32Array, ref[`loss${k}`]!.data as Float32Array)).toBeLessThan(
      1e-5,
    )
    for (const p of compiled.manifest.parameters.filter((p) => p.trainable)) {
      const want = ref[`grad${k}/${p.name.replace('net.', '')}`]
      const got = results[p.gradient!]!
      if (!want) expect(got.dims[0], p.name).toBe(0)
      else
        expect(distance(elements(got, p.source.transposed), want.data as Float32Array), p.name).toBeLessThan(
          1e-4,
        )
    }
  }
  await session.release()
})
